//! The report: tables in docs/BENCHMARKS.md and README.md, plots, and all measurements as JSON.

mod plot;
mod summary;
mod tables;
mod target;

use std::{fs, io, path::Path, process::Command};

use serde::Serialize;
use tools::markdown;

use self::target::Target;
pub(crate) use self::target::{Limit, Unit};
use crate::compare::{Comparison, PERCENTILES};

const DOCUMENT: &str = "docs/BENCHMARKS.md";
/// Has the summary: the few figures for a choice of a runtime.
const README: &str = "README.md";
const FOLDER: &str = "docs/benchmarks";
/// The command that generates the blocks of these documents.
const COMMAND: &str = "make bench";

/// A row of the table of comparisons.
#[derive(Serialize)]
struct ComparisonRow {
    what: String,
    throughput: Vec<f64>,
    rates: [f64; 2],
    cpu_micros: [f64; 2],
    busy: [f64; 2],
}

/// A row of the table of latencies.
#[derive(Serialize)]
struct LatencyRow {
    server: &'static str,
    rate: f64,
    /// Latency at each of the percentiles, in microseconds.
    micros: [f64; PERCENTILES.len()],
}

/// Throughput over a variable, such as the number of connections.
#[derive(Serialize)]
pub(crate) struct Sweep {
    /// The name of the variable.
    pub(crate) over: &'static str,
    pub(crate) values: Vec<usize>,
    pub(crate) series: Vec<Series>,
}

impl Sweep {
    fn file_name(&self) -> String {
        format!("{}.svg", self.over.replace(' ', "-"))
    }
}

/// Throughput of one server in a sweep.
#[derive(Serialize)]
pub(crate) struct Series {
    pub(crate) name: &'static str,
    /// Requests per second at each of the values, or `None` if requests failed.
    pub(crate) rates: Vec<Option<f64>>,
}

/// All measurements.
#[derive(Serialize)]
pub(crate) struct Report {
    /// Date, machine and versions.
    conditions: Vec<String>,
    targets: Vec<Target>,
    comparisons: Vec<ComparisonRow>,
    latencies: Vec<LatencyRow>,
    sweeps: Vec<Sweep>,
}

impl Report {
    /// Returns a report with the conditions of this machine and without measurements.
    ///
    /// # Errors
    /// A command that prints a condition fails.
    pub(crate) fn new() -> io::Result<Self> {
        let first_line = |program: &str, arguments: &[&str]| -> io::Result<String> {
            let output = Command::new(program).args(arguments).output()?;
            let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
            Ok(String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned())
        };
        let cpu = fs::read_to_string("/proc/cpuinfo")?;
        let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let conditions = vec![
            first_line("date", &["--utc", "+%F"])?,
            cpu.map_or("an unknown CPU", |(_, name)| name).to_owned(),
            format!("{} CPUs", first_line("nproc", &["--all"])?),
            first_line("uname", &["-sr"])?,
            first_line("go", &["version"])?,
            first_line("nginx", &["-v"])?,
        ];
        Ok(Report {
            conditions,
            targets: Vec::new(),
            comparisons: Vec::new(),
            latencies: Vec::new(),
            sweeps: Vec::new(),
        })
    }

    /// Adds a condition on which the figures depend.
    pub(crate) fn add_condition(&mut self, condition: String) {
        self.conditions.push(condition);
    }

    pub(crate) fn add_target(&mut self, what: String, measured: Vec<f64>, unit: Unit, limit: Limit) {
        self.targets.push(Target { what, measured, unit, limit });
    }

    pub(crate) fn add_comparison(&mut self, what: &str, comparison: &Comparison) {
        self.comparisons.push(ComparisonRow {
            what: what.to_owned(),
            throughput: comparison.throughput.clone(),
            rates: comparison.rates,
            cpu_micros: comparison.cpu_micros,
            busy: comparison.busy,
        });
    }

    pub(crate) fn add_latencies(
        &mut self,
        rate: f64,
        servers: [&'static str; 2],
        micros: [[f64; PERCENTILES.len()]; 2],
    ) {
        for (server, micros) in servers.into_iter().zip(micros) {
            self.latencies.push(LatencyRow { server, rate, micros });
        }
    }

    pub(crate) fn add_sweep(&mut self, sweep: Sweep) {
        self.sweeps.push(sweep);
    }

    /// Writes the plots, the JSON, and the generated blocks of the documents; prints the tables.
    ///
    /// # Errors
    /// A file is not writable, or a document has no block for the figures.
    pub(crate) fn write(&self) -> io::Result<()> {
        let tables = self.tables().map_err(io::Error::other)?;
        fs::create_dir_all(FOLDER)?;
        fs::write(Path::new(FOLDER).join("results.json"), serde_json::to_string_pretty(self)? + "\n")?;
        for sweep in &self.sweeps {
            fs::write(Path::new(FOLDER).join(sweep.file_name()), sweep.plot().map_err(io::Error::other)?)?;
        }
        markdown::update_file(Path::new(DOCUMENT), COMMAND, &tables)?;
        // Without all measurements, the summary keeps its last figures.
        if let Some(summary) = self.summary() {
            markdown::update_file(Path::new(README), COMMAND, &summary)?;
        }
        println!("{tables}\nwritten to {DOCUMENT}");
        Ok(())
    }
}
