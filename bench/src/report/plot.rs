//! Plots of sweeps, as SVG.

use std::fmt::{self, Write};

use super::{Series, Sweep};

impl Sweep {
    /// Draws a line per server over evenly spaced values; the rates are on a logarithmic scale.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn plot(&self) -> Result<String, fmt::Error> {
        const COLORS: [&str; 3] = ["#326ce5", "#d9480f", "#868e96"];
        let rates = || self.series.iter().flat_map(|series| series.rates.iter().flatten().map(|rate| rate.max(1.0)));
        let (low, high) =
            (rates().fold(f64::MAX, f64::min).log10().floor(), rates().fold(1.0, f64::max).log10().ceil());
        let x = |index: usize| 70.0 + 400.0 * index as f64 / (self.values.len() - 1).max(1) as f64;
        let y = |rate: f64| 260.0 - 220.0 * (rate.max(1.0).log10() - low) / (high - low);
        let mut svg = String::new();
        writeln!(
            svg,
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 660 310" font-family="sans-serif" font-size="12">
<rect width="660" height="310" fill="#fff"/>
<text x="70" y="22">requests/s by {}</text>"##,
            self.over
        )?;
        let mut decade = low;
        while decade <= high {
            let rate = 10f64.powf(decade);
            writeln!(
                svg,
                r##"<path d="M70 {0:.1}H470" stroke="#dee2e6"/><text x="64" y="{0:.1}" text-anchor="end">{rate}</text>"##,
                y(rate)
            )?;
            decade += 1.0;
        }
        for (index, value) in self.values.iter().enumerate() {
            writeln!(svg, r#"<text x="{:.1}" y="282" text-anchor="middle">{value}</text>"#, x(index))?;
        }
        for (Series { name, rates }, color) in self.series.iter().zip(COLORS) {
            let points = rates.iter().enumerate().filter_map(|(index, rate)| Some((x(index), y((*rate)?))));
            let points: Vec<_> = points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let last = rates.iter().flatten().last().copied().unwrap_or(1.0);
            writeln!(
                svg,
                r#"<polyline points="{}" fill="none" stroke="{color}" stroke-width="2"/><text x="478" y="{:.1}" fill="{color}">{name}</text>"#,
                points.join(" "),
                y(last) + 4.0
            )?;
        }
        svg.push_str("</svg>\n");
        Ok(svg)
    }
}
