//! The tables in docs/BENCHMARKS.md.

use std::fmt::{self, Write};

use super::{ComparisonRow, FOLDER, LatencyRow, Report, Series, Sweep};
use crate::compare::{PERCENTILES, median};

impl Report {
    pub(super) fn tables(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        writeln!(text, "Measured on {}.\n", self.conditions.join(", "))?;
        writeln!(text, "| what | measured | must | aim | reached |\n|---|---|---|---|---|")?;
        for target in &self.targets {
            writeln!(text, "{}", target.row())?;
        }
        self.write_comparisons(&mut text)?;
        self.write_latencies(&mut text)?;
        for sweep in &self.sweeps {
            sweep.write(&mut text)?;
        }
        Ok(text)
    }

    fn write_comparisons(&self, text: &mut String) -> fmt::Result {
        writeln!(text, "\nIn figures; *busy* is how many CPUs a server used.\n")?;
        writeln!(
            text,
            "| first against second | ratio | requests/s | CPU µs per request | busy |\n|---|---|---|---|---|"
        )?;
        for ComparisonRow { what, throughput, rates, cpu_micros, busy } in &self.comparisons {
            let ratio = median(throughput.iter().copied());
            writeln!(
                text,
                "| {what} | {ratio:.2} | {:.0} / {:.0} | {:.1} / {:.1} | {:.2} / {:.2} |",
                rates[0], rates[1], cpu_micros[0], cpu_micros[1], busy[0], busy[1]
            )?;
        }
        Ok(())
    }

    fn write_latencies(&self, text: &mut String) -> fmt::Result {
        for (index, LatencyRow { server, rate, micros }) in self.latencies.iter().enumerate() {
            if index == 0 {
                let percentiles = PERCENTILES.map(|percentile| format!("p{percentile}")).join(" | ");
                writeln!(
                    text,
                    "\nLatency in µs at {rate:.0} requests/s, open loop:\n\n| | {percentiles} |\n|---|---|---|---|---|"
                )?;
            }
            writeln!(text, "| {server} | {} |", micros.map(|micros| format!("{micros:.0}")).join(" | "))?;
        }
        Ok(())
    }
}

impl Sweep {
    fn write(&self, text: &mut String) -> fmt::Result {
        let values: Vec<_> = self.values.iter().map(ToString::to_string).collect();
        let plot = format!("{}/{}", FOLDER.trim_start_matches("docs/"), self.file_name());
        writeln!(text, "\nRequests/s by {}:\n\n![]({plot})\n", self.over)?;
        writeln!(text, "| {} | {} |\n|---{}|", self.over, values.join(" | "), "|---".repeat(values.len()))?;
        for Series { name, rates } in &self.series {
            let rates = rates.iter().map(|rate| rate.map_or("fails".to_owned(), |rate| format!("{rate:.0}")));
            writeln!(text, "| {name} | {} |", rates.collect::<Vec<_>>().join(" | "))?;
        }
        Ok(())
    }
}
