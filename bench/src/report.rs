//! What was measured, as docs/BENCHMARKS.md: a table of goals, tables of figures, plots; and as JSON beside it.

use std::{fmt::Write, fs, io, path::Path, process::Command};

use serde::Serialize;

use crate::compare::{Comparison, PERCENTILES, median};

const DOCUMENT: &str = "docs/BENCHMARKS.md";
/// Has the few figures that somebody who chooses a runtime wants first.
const README: &str = "README.md";
const FOLDER: &str = "docs/benchmarks";
const START: &str = "<!-- made by `make bench` -->";
const END: &str = "<!-- to here -->";

#[derive(Serialize, Clone, Copy)]
pub(crate) enum Unit {
    Ratio,
    Milliseconds,
    Mebibytes,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Unit::Ratio => format!("{value:.2}"),
            Unit::Milliseconds => format!("{value:.1} ms"),
            Unit::Mebibytes => format!("{value:.1} MiB"),
        }
    }
}

/// What must hold, and what is aimed at.
#[derive(Serialize, Clone, Copy)]
pub(crate) enum Bound {
    AtLeast([f64; 2]),
    AtMost([f64; 2]),
}

#[derive(Serialize)]
pub(crate) struct Goal {
    pub(crate) what: String,
    /// Every measurement, sorted.
    pub(crate) measured: Vec<f64>,
    pub(crate) unit: Unit,
    pub(crate) bound: Bound,
}

impl Goal {
    fn median(&self) -> f64 {
        median(self.measured.iter().copied())
    }

    fn reached(&self) -> &'static str {
        let measured = self.median();
        let (must, aim) = match self.bound {
            Bound::AtLeast([must, aim]) => (measured >= must, measured >= aim),
            Bound::AtMost([must, aim]) => (measured <= must, measured <= aim),
        };
        if aim {
            "aim"
        } else if must {
            "must"
        } else {
            "**missed**"
        }
    }

    fn row(&self) -> String {
        let (sign, [must, aim]) = match self.bound {
            Bound::AtLeast(bound) => ("≥", bound),
            Bound::AtMost(bound) => ("≤", bound),
        };
        let show = |value| self.unit.show(value);
        let spread = match (self.measured.first(), self.measured.last()) {
            (Some(low), Some(high)) if self.measured.len() > 1 => format!(" ({} – {})", show(*low), show(*high)),
            _ => String::new(),
        };
        format!(
            "| {} | {}{spread} | {sign} {} | {sign} {} | {} |",
            self.what,
            show(self.median()),
            show(must),
            show(aim),
            self.reached()
        )
    }
}

/// A comparison, in figures.
#[derive(Serialize)]
pub(crate) struct Row {
    what: String,
    throughput: Vec<f64>,
    rates: [f64; 2],
    processor_micros: [f64; 2],
    busy: [f64; 2],
}

impl Row {
    pub(crate) fn new(what: &str, compared: &Comparison) -> Self {
        Row {
            what: what.to_owned(),
            throughput: compared.throughput.clone(),
            rates: compared.rates,
            processor_micros: compared.processor_micros,
            busy: compared.busy,
        }
    }
}

#[derive(Serialize)]
struct Latency {
    server: &'static str,
    rate: f64,
    /// At the 50th, 90th, 99th and 99.9th percentile.
    micros: [f64; PERCENTILES.len()],
}

/// Throughput as something grows.
#[derive(Serialize)]
pub(crate) struct Sweep {
    /// What grows.
    pub(crate) over: &'static str,
    pub(crate) values: Vec<usize>,
    pub(crate) series: Vec<Series>,
}

#[derive(Serialize)]
pub(crate) struct Series {
    pub(crate) name: &'static str,
    /// Requests a second, at each of the values; none where requests failed.
    pub(crate) rates: Vec<Option<f64>>,
}

#[derive(Serialize)]
pub(crate) struct Report {
    /// When, where, and with which versions.
    conditions: Vec<String>,
    pub(crate) goals: Vec<Goal>,
    pub(crate) rows: Vec<Row>,
    latencies: Vec<Latency>,
    pub(crate) sweeps: Vec<Sweep>,
}

impl Report {
    /// An empty report, which says when and where.
    ///
    /// # Errors
    /// The machine cannot be asked.
    pub(crate) fn new() -> io::Result<Self> {
        let said = |program: &str, arguments: &[&str]| -> io::Result<String> {
            let output = Command::new(program).args(arguments).output()?;
            let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
            Ok(String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned())
        };
        let processor = fs::read_to_string("/proc/cpuinfo")?;
        let processor = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let conditions = vec![
            said("date", &["--utc", "+%F"])?,
            processor.map_or("an unknown CPU", |(_, name)| name).to_owned(),
            format!("{} CPUs", said("nproc", &["--all"])?),
            said("uname", &["-sr"])?,
            said("go", &["version"])?,
            said("nginx", &["-v"])?,
        ];
        Ok(Report { conditions, goals: Vec::new(), rows: Vec::new(), latencies: Vec::new(), sweeps: Vec::new() })
    }

    /// Adds what the figures depend on.
    pub(crate) fn condition(&mut self, condition: String) {
        self.conditions.push(condition);
    }

    pub(crate) fn latencies(&mut self, rate: f64, servers: [&'static str; 2], micros: [[f64; PERCENTILES.len()]; 2]) {
        for (server, micros) in servers.into_iter().zip(micros) {
            self.latencies.push(Latency { server, rate, micros });
        }
    }

    /// Writes the plots, the JSON, and the measured part of the document; prints the goals.
    ///
    /// # Errors
    /// A file cannot be written, or the document has no place for the figures.
    pub(crate) fn write(&self) -> io::Result<()> {
        let tables = self.tables().map_err(io::Error::other)?;
        fs::create_dir_all(FOLDER)?;
        fs::write(Path::new(FOLDER).join("results.json"), serde_json::to_string_pretty(self)? + "\n")?;
        for sweep in &self.sweeps {
            fs::write(Path::new(FOLDER).join(file(sweep)), sweep.plot().map_err(io::Error::other)?)?;
        }
        put(DOCUMENT, &tables)?;
        // Where not all could be measured, the figures of before stand.
        if let Some(summary) = self.summary() {
            put(README, &summary)?;
        }
        println!("{tables}\nwritten to {DOCUMENT}");
        Ok(())
    }

    /// What a runtime costs, each in a column.
    fn summary(&self) -> Option<String> {
        let goal = |what: &str| {
            let goal = self.goals.iter().find(|goal| goal.what == what)?;
            Some(goal.unit.show(goal.median()))
        };
        let against_native = |what: &str| {
            let what = format!("{what} in hello-host against native, together");
            self.rows.iter().find(|row| row.what == what)
        };
        let (p3, p2) = (against_native("WASI 0.3")?, against_native("WASI 0.2")?);
        let works = against_native("a handler that computes: WASI 0.3")?;
        let ratio = |row: &Row| format!("{:.0} %", 100.0 * median(row.throughput.iter().copied()));
        let micros = |index: usize, row: &Row| format!("{:.1} µs", row.processor_micros[index]);
        let of_either = |what: &str, native: &str, host: &str| {
            Some([goal(&format!("{what}{native}"))?, goal(&format!("{what}{host}"))?, String::new()])
        };
        let rows = [
            ("requests per second, with the load on the same two CPUs", ["100 %".to_owned(), ratio(p3), ratio(p2)]),
            ("the same, of a handler that computes", ["100 %".to_owned(), ratio(works), String::new()]),
            ("CPU time per request", [micros(1, p3), micros(0, p3), micros(0, p2)]),
            ("start to first response", of_either("process start to first response: ", "native", "hello-host")?),
            ("memory, idle", of_either("memory, idle: ", "native", "hello-host")?),
            ("image", of_either("image ", "hello-native", "hello-wasm")?),
        ];
        let mut text =
            "| | `native` | `wasm` (WASI 0.3) | a component of WASI 0.2 in hello-host |\n|---|---|---|---|\n"
                .to_owned();
        for (what, figures) in rows {
            writeln!(text, "| {what} | {} |", figures.join(" | ")).ok()?;
        }
        Some(text)
    }

    fn tables(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        writeln!(text, "Measured on {}.\n", self.conditions.join(", "))?;
        writeln!(text, "| what | measured | must | aim | reached |\n|---|---|---|---|---|")?;
        for goal in &self.goals {
            writeln!(text, "{}", goal.row())?;
        }
        writeln!(text, "\nIn figures; *busy* is how many CPUs a server used.\n")?;
        writeln!(
            text,
            "| first against second | ratio | requests/s | CPU µs per request | busy |\n|---|---|---|---|---|"
        )?;
        for Row { what, throughput, rates, processor_micros, busy } in &self.rows {
            let ratio = median(throughput.iter().copied());
            writeln!(
                text,
                "| {what} | {ratio:.2} | {:.0} / {:.0} | {:.1} / {:.1} | {:.2} / {:.2} |",
                rates[0], rates[1], processor_micros[0], processor_micros[1], busy[0], busy[1]
            )?;
        }
        for (index, Latency { server, rate, micros }) in self.latencies.iter().enumerate() {
            if index == 0 {
                let percentiles = PERCENTILES.map(|percentile| format!("p{percentile}")).join(" | ");
                writeln!(
                    text,
                    "\nLatency in µs at {rate:.0} requests/s, open loop:\n\n| | {percentiles} |\n|---|---|---|---|---|"
                )?;
            }
            writeln!(text, "| {server} | {} |", micros.map(|micros| format!("{micros:.0}")).join(" | "))?;
        }
        for sweep in &self.sweeps {
            let values: Vec<_> = sweep.values.iter().map(ToString::to_string).collect();
            writeln!(
                text,
                "\nRequests/s by {}:\n\n![]({}/{})\n",
                sweep.over,
                FOLDER.trim_start_matches("docs/"),
                file(sweep)
            )?;
            writeln!(text, "| {} | {} |\n|---{}|", sweep.over, values.join(" | "), "|---".repeat(values.len()))?;
            for Series { name, rates } in &sweep.series {
                let rates: Vec<_> =
                    rates.iter().map(|rate| rate.map_or("fails".to_owned(), |rate| format!("{rate:.0}"))).collect();
                writeln!(text, "| {name} | {} |", rates.join(" | "))?;
            }
        }
        Ok(text)
    }
}

/// Puts a text where a document has measured ones.
fn put(document: &str, text: &str) -> io::Result<()> {
    let old = fs::read_to_string(document)?;
    let no = |mark: &str| io::Error::other(format!("{document} has no {mark}"));
    let (before, rest) = old.split_once(START).ok_or_else(|| no(START))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| no(END))?;
    fs::write(document, format!("{before}{START}\n\n{text}\n{END}{after}"))
}

fn file(sweep: &Sweep) -> String {
    format!("{}.svg", sweep.over.replace(' ', "-"))
}

impl Sweep {
    /// Lines over evenly spaced values; the rates on a logarithmic scale.
    #[allow(clippy::cast_precision_loss)]
    fn plot(&self) -> Result<String, std::fmt::Error> {
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
