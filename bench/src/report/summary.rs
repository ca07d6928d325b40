//! The summary in README.md: the cost of each runtime.

use std::fmt::Write;

use super::{ComparisonRow, Report};
use crate::compare::median;

impl Report {
    /// Returns a table with a column per runtime, or `None` if a measurement is missing.
    pub(super) fn summary(&self) -> Option<String> {
        let against_native = |what: &str| {
            let what = format!("{what} in hello-host against native, together");
            self.comparisons.iter().find(|row| row.what == what)
        };
        let (p3, p2) = (against_native("WASI 0.3")?, against_native("WASI 0.2")?);
        let computing = against_native("a handler that computes: WASI 0.3")?;
        let ratio = |row: &ComparisonRow| format!("{:.0} %", 100.0 * median(row.throughput.iter().copied()));
        let micros = |index: usize, row: &ComparisonRow| format!("{:.1} µs", row.cpu_micros[index]);
        let rows = [
            ("requests per second, with the load on the same two CPUs", ["100 %".to_owned(), ratio(p3), ratio(p2)]),
            ("the same, of a handler that computes", ["100 %".to_owned(), ratio(computing), String::new()]),
            ("CPU time per request", [micros(1, p3), micros(0, p3), micros(0, p2)]),
            ("start to first response", self.medians("process start to first response: ", "native", "hello-host")?),
            ("memory, idle", self.medians("memory, idle: ", "native", "hello-host")?),
            ("image", self.medians("image ", "hello-native", "hello-wasm")?),
        ];
        let header = "| | `native` | `wasm` (WASI 0.3) | a component of WASI 0.2 in hello-host |\n|---|---|---|---|\n";
        let mut table = header.to_owned();
        for (what, figures) in rows {
            writeln!(table, "| {what} | {} |", figures.join(" | ")).ok()?;
        }
        Some(table)
    }

    /// Returns the medians of a target for the native program and the host. There is none for a component of WASI 0.2.
    fn medians(&self, what: &str, native: &str, host: &str) -> Option<[String; 3]> {
        let median = |server: &str| {
            let target = self.targets.iter().find(|target| target.what == format!("{what}{server}"))?;
            Some(target.unit.format(target.median()))
        };
        Some([median(native)?, median(host)?, String::new()])
    }
}
