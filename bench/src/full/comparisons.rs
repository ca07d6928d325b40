//! Comparisons of two servers.

use std::io;

use super::{CONNECTIONS, LATENCY_SCHEDULE, THROUGHPUT_SCHEDULE, start, throughput};
use crate::{
    compare::{P99, compare, latencies},
    cpu_pinning::CpuPinning::{self, Shared, Split},
    load::Request,
    report::{Limit, Report, Unit},
    server::ServerSpec,
};

/// Two servers to compare, and the limits on their ratios.
pub(super) struct Pair<'a> {
    what: &'static str,
    servers: [&'a ServerSpec; 2],
    /// Limit on the ratio of throughputs with shared CPUs. With split CPUs it is the ratio of CPU times, which has its own limit.
    throughput: Option<Limit>,
    /// Limit on the ratio of CPU time per request, the second to the first.
    cpu_ratio: Option<Limit>,
}

impl<'a> Pair<'a> {
    pub(super) fn new(what: &'static str, servers: [&'a ServerSpec; 2]) -> Self {
        Pair { what, servers, throughput: None, cpu_ratio: None }
    }

    pub(super) fn throughput(self, required: f64, goal: f64) -> Self {
        Pair { throughput: Some(Limit::at_least(required, goal)), ..self }
    }

    pub(super) fn cpu_ratio(self, required: f64, goal: f64) -> Self {
        Pair { cpu_ratio: Some(Limit::at_least(required, goal)), ..self }
    }

    /// Adds the comparison to the report, and the targets that have limits.
    pub(super) fn measure(&self, request: &Request, pinning: CpuPinning, report: &mut Report) -> io::Result<()> {
        let what = format!("{}, {}", self.what, pinning.name());
        eprintln!("{what}");
        pinning.apply()?;
        let [first, second] = self.servers.map(|server| start(server, pinning));
        let comparison = compare([&first?, &second?], request, CONNECTIONS, THROUGHPUT_SCHEDULE)?;
        if let Some(limit) = self.throughput.filter(|_| pinning == Shared) {
            report.add_target(format!("{what}: throughput"), comparison.throughput.clone(), Unit::Ratio, limit);
        }
        if let Some(limit) = self.cpu_ratio {
            report.add_target(
                format!("{what}: CPU time per request"),
                comparison.cpu_ratio.clone(),
                Unit::Ratio,
                limit,
            );
        }
        report.add_comparison(&what, &comparison);
        Ok(())
    }
}

/// Compares latencies in open loops, at half of the throughput of the second server.
pub(super) fn latency(servers: [&ServerSpec; 2], report: &mut Report) -> io::Result<()> {
    Split.apply()?;
    let (first, second) = (start(servers[0], Split)?, start(servers[1], Split)?);
    let rate = throughput::measure(&second, &Request::get("/"), CONNECTIONS)? / 2.0;
    eprintln!("latency at {rate:.0} requests/s");
    let percentiles = latencies([&first, &second], &Request::get("/"), CONNECTIONS, rate, LATENCY_SCHEDULE)?;
    report.add_latencies(rate, [first.name, second.name], percentiles);
    report.add_target(
        format!("p99 latency at half of the peak of the second: {} to {}", first.name, second.name),
        vec![percentiles[0][P99] / percentiles[1][P99]],
        Unit::Ratio,
        Limit::at_most(0.6, 0.4),
    );
    Ok(())
}
