//! Two servers side by side: slices of load alternate between them, A B B A, so that a slow moment of the machine affects both.

use std::{io, time::Duration};

use crate::{
    load::{self, Request},
    server::Server,
};

/// Number and length of the slices of a comparison.
#[derive(Clone, Copy)]
pub(crate) struct Schedule {
    /// Rounds of A B B A. Each results in one ratio.
    pub(crate) rounds: usize,
    /// Length of a slice.
    pub(crate) slice: Duration,
}

/// Result of the first server against the second.
pub(crate) struct Comparison {
    /// Ratio of throughputs, the first to the second: one per round, sorted.
    pub(crate) throughput: Vec<f64>,
    /// Ratio of CPU time per request, the second to the first: one per round, sorted. Above 1, the first needs less.
    pub(crate) cpu_ratio: Vec<f64>,
    /// Requests per second of each server; medians.
    pub(crate) rates: [f64; 2],
    /// CPU time per request of each server in microseconds; medians.
    pub(crate) cpu_micros: [f64; 2],
    /// Number of CPUs that each server used. Below the number that it had, something else was the limit, such as the client.
    pub(crate) busy: [f64; 2],
}

/// Measurement of one slice.
#[derive(Clone, Copy)]
struct Sample {
    responses: f64,
    seconds: f64,
    cpu_seconds: f64,
}

impl std::ops::Add for Sample {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Sample {
            responses: self.responses + other.responses,
            seconds: self.seconds + other.seconds,
            cpu_seconds: self.cpu_seconds + other.cpu_seconds,
        }
    }
}

/// Compares the throughput and the CPU time of two running servers, after a warm-up.
///
/// # Errors
/// A request fails.
pub(crate) fn compare(
    servers: [&Server; 2],
    request: &Request,
    connections: usize,
    schedule: Schedule,
) -> io::Result<Comparison> {
    let slice = |server: &Server| -> io::Result<Sample> {
        let before = server.cpu_seconds()?;
        let slice = load::closed_loop(server.address, request, connections, schedule.slice)?;
        Ok(Sample {
            responses: count(slice.responses),
            seconds: slice.elapsed.as_secs_f64(),
            cpu_seconds: server.cpu_seconds()? - before,
        })
    };
    for server in servers {
        slice(server)?;
    }
    let mut rounds = Vec::new();
    for _ in 0..schedule.rounds {
        let (a, b) = (slice(servers[0])?, slice(servers[1])?);
        let (b, a) = (b + slice(servers[1])?, a + slice(servers[0])?);
        rounds.push([a, b]);
    }
    let rate = |sample: Sample| sample.responses / sample.seconds;
    let cost = |sample: Sample| sample.cpu_seconds * 1e6 / sample.responses;
    let each = |of: &dyn Fn(Sample) -> f64| [0, 1].map(|index| median(rounds.iter().map(|round| of(round[index]))));
    Ok(Comparison {
        throughput: sorted(rounds.iter().map(|[a, b]| rate(*a) / rate(*b))),
        cpu_ratio: sorted(rounds.iter().map(|[a, b]| cost(*b) / cost(*a))),
        rates: each(&rate),
        cpu_micros: each(&cost),
        busy: each(&|sample| sample.cpu_seconds / sample.seconds),
    })
}

/// Percentiles of latency in the report.
pub(crate) const PERCENTILES: [f64; 4] = [50.0, 90.0, 99.0, 99.9];

/// Index of the 99th percentile among them.
pub(crate) const P99: usize = 2;

/// Compares the latencies of two servers at the same rate, in slices that alternate. Returns the medians of the percentiles of each
/// server, in microseconds.
///
/// # Errors
/// A request fails.
pub(crate) fn latencies(
    servers: [&Server; 2],
    request: &Request,
    connections: usize,
    rate: f64,
    schedule: Schedule,
) -> io::Result<[[f64; PERCENTILES.len()]; 2]> {
    let mut measured: [Vec<[f64; PERCENTILES.len()]>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..schedule.rounds {
        for index in [0, 1, 1, 0] {
            let latencies = load::open_loop(servers[index].address, request, connections, rate, schedule.slice)?;
            measured[index].push(PERCENTILES.map(|percentile| {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let rank = (percentile / 100.0 * count(latencies.len() as u64)) as usize;
                latencies[rank.min(latencies.len() - 1)].as_secs_f64() * 1e6
            }));
        }
    }
    Ok(measured.map(|slices| std::array::from_fn(|index| median(slices.iter().map(|slice| slice[index])))))
}

#[allow(clippy::cast_precision_loss)]
pub(crate) fn count(number: u64) -> f64 {
    number as f64
}

pub(crate) fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values
}

pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let values = sorted(values);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
