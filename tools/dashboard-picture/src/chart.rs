//! Panels of a dashboard, drawn as one SVG.

use std::{collections::BTreeMap, error::Error, ops::Range};

use plotters::{
    coord::Shift,
    prelude::{
        BLACK, ChartBuilder, DrawingArea, IntoDrawingArea, LineSeries, Palette, Palette99, PathElement, RGBColor,
        Rectangle, SVGBackend, SeriesLabelPosition, TRANSPARENT, WHITE,
    },
    style::Color,
};
use tests::{Panel, Series};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Failure = Box<dyn Error + Send + Sync>;

/// Pixels per unit of Grafana's grid.
const UNIT: [u32; 2] = [50, 26];
const FONT: &str = "sans-serif";

/// Draws panels in the order of the dashboard, with the results of their queries in a span of time (seconds since 1970).
pub(crate) fn draw(
    panels: &[Panel],
    span: &Range<f64>,
    run_query: impl Fn(&str) -> Result<Vec<Series>, Failure>,
) -> Result<String, Failure> {
    let rows = rows(panels);
    let height: u32 = rows.values().map(|row| row.1).sum();
    let mut svg = String::new();
    {
        let whole = SVGBackend::with_string(&mut svg, (24 * UNIT[0], height * UNIT[1])).into_drawing_area();
        whole.fill(&WHITE)?;
        for panel in panels.iter().flat_map(repeat_per_runtime) {
            let [x, y, width, height] = panel.grid;
            let pixels = |units: [u32; 2]| (units[0] * UNIT[0], units[1] * UNIT[1]);
            let (left, top) = pixels([x, rows[&y].0]);
            let area = whole.clone().shrink((left, top), pixels([width, height]));
            let mut shown = Vec::new();
            for (legend, query) in &panel.targets {
                let series = run_query(query)?;
                shown.extend(series.into_iter().map(|series| (series.name(legend), series)));
            }
            match panel.kind.as_str() {
                "heatmap" => heat_map(&area, &panel, span, &shown)?,
                _ => lines(&area, &panel, span, &shown)?,
            }
        }
        whole.present()?;
    }
    Ok(svg)
}

/// Repeats a panel for each runtime, side by side, if Grafana does so.
fn repeat_per_runtime(panel: &Panel) -> Vec<Panel> {
    if !panel.title.contains("$runtime") {
        return vec![panel.clone()];
    }
    let of_runtime = |(index, runtime)| {
        let mut panel = panel.clone();
        panel.title = panel.title.replace("$runtime", runtime);
        panel.grid[0] += index * panel.grid[2];
        for (_legend, query) in &mut panel.targets {
            *query = query.replace("$runtime", runtime);
        }
        panel
    };
    (0..).zip(["native", "wasi-0.3"]).map(of_runtime).collect()
}

/// Returns where each row starts and its height, by its position in Grafana. Rows that only have a title are left out.
fn rows(panels: &[Panel]) -> BTreeMap<u32, (u32, u32)> {
    let mut rows = BTreeMap::new();
    for panel in panels {
        let height = &mut rows.entry(panel.grid[1]).or_insert((0, 0)).1;
        *height = panel.grid[3].max(*height);
    }
    let mut top = 0;
    for row in rows.values_mut() {
        row.0 = top;
        top += row.1;
    }
    rows
}

fn lines(area: &Area<'_>, panel: &Panel, span: &Range<f64>, shown: &[(String, Series)]) -> Result<(), Failure> {
    let is_number = |(_, value): &&(f64, f64)| value.is_finite();
    let points = shown.iter().flat_map(|(_, series)| &series.points).filter(is_number);
    let highest = points.map(|(_, value)| *value).fold(0.0, f64::max);
    // Leaves room for the legend above the lines.
    #[allow(clippy::cast_precision_loss)]
    let highest = if highest > 0.0 { highest * (1.1 + 0.1 * shown.len() as f64) } else { 1.0 };
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .caption(&panel.title, (FONT, 16))
        .x_label_area_size(22)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..span.end - span.start, 0.0..highest)?;
    chart
        .configure_mesh()
        .x_labels(5)
        .y_labels(5)
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.1))
        .label_style((FONT, 11))
        .x_label_formatter(&|second| format!("{second:.0} s"))
        .y_label_formatter(&|value| with_unit(*value, &panel.unit))
        .draw()?;
    for (index, (name, series)) in shown.iter().enumerate() {
        let color = Palette99::pick(index).to_rgba();
        let points = series.points.iter().filter(is_number).map(|(time, value)| (time - span.start, *value));
        chart
            .draw_series(LineSeries::new(points, color.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 10, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .label_font((FONT, 10))
        .legend_area_size(12)
        .draw()?;
    Ok(())
}

/// Draws how many requests took how long. The buckets of Prometheus are cumulative: each counts the lower ones, too.
fn heat_map(area: &Area<'_>, panel: &Panel, span: &Range<f64>, shown: &[(String, Series)]) -> Result<(), Failure> {
    let mut buckets: Vec<(f64, &Series)> =
        shown.iter().map(|(name, series)| Ok((name.parse()?, series))).collect::<Result<_, Failure>>()?;
    buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut cells = Vec::new();
    let mut below = BTreeMap::new();
    for (index, (_, series)) in buckets.iter().enumerate() {
        for (time, count) in &series.points {
            let second = time - span.start;
            let counted = below.insert(time.to_bits(), *count).unwrap_or(0.0);
            cells.push((second, index, (count - counted).max(0.0)));
        }
    }
    let highest = cells.iter().map(|cell| cell.2).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .caption(&panel.title, (FONT, 16))
        .x_label_area_size(22)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..span.end - span.start, 0..buckets.len())?;
    chart
        .configure_mesh()
        .x_labels(5)
        .y_labels(buckets.len())
        .disable_mesh()
        .label_style((FONT, 11))
        .x_label_formatter(&|second| format!("{second:.0} s"))
        .y_label_formatter(&|index| buckets.get(*index).map_or(String::new(), |(bound, _)| with_unit(*bound, "s")))
        .draw()?;
    chart.draw_series(cells.iter().filter(|cell| cell.2 > 0.0).map(|(second, index, count)| {
        // Logarithmic: one slow request is visible beside a thousand fast ones.
        let intensity = (1.0 + count).ln() / (1.0 + highest).ln();
        let color = RGBColor(50, 108, 229).mix(0.15 + 0.85 * intensity);
        Rectangle::new([(*second, *index), (second + 1.0, index + 1)], color.filled())
    }))?;
    Ok(())
}

fn with_unit(value: f64, unit: &str) -> String {
    let (value, prefix) = match value.abs() {
        _ if unit == "bytes" => return format!("{:.0} MiB", value / f64::from(1 << 20)),
        _ if unit == "percentunit" => (value * 100.0, "%"),
        1000.0.. if unit != "s" => (value / 1000.0, "k"),
        0.0 | f64::INFINITY => (value, ""),
        ..0.001 if unit == "s" => (value * 1e6, "µ"),
        ..1.0 if unit == "s" => (value * 1e3, "m"),
        _ => (value, ""),
    };
    let digits = format!("{value:.2}");
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    let unit = match unit {
        "reqps" | "ops" => "/s",
        "s" => "s",
        _ => "",
    };
    format!("{digits} {prefix}{unit}").trim_end().to_owned()
}
