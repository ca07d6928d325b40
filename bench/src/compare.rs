//! Two servers side by side: slices of load alternate between them, A B B A, so that a slow moment of the machine hits both alike.

use std::{io, time::Duration};

use crate::{
    load::{self, Request},
    server::Server,
};

/// How often and how long.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// Rounds of A B B A; each gives one ratio.
    pub(crate) rounds: usize,
    /// Length of a slice.
    pub(crate) slice: Duration,
}

/// How one server did against another.
pub(crate) struct Comparison {
    /// The throughput of the first over that of the second, a ratio a round, sorted.
    pub(crate) throughput: Vec<f64>,
    /// Processor time a request, the second's over the first's: above 1, the first is the more frugal. A ratio a round, sorted.
    pub(crate) frugality: Vec<f64>,
    /// Requests a second, of either; medians.
    pub(crate) rates: [f64; 2],
    /// Processor time a request in microseconds, of either; medians.
    pub(crate) processor_micros: [f64; 2],
    /// How much of a processor either used, of as many as it had; below 1 something else was the limit, such as the client.
    pub(crate) busy: [f64; 2],
}

/// What one slice gave.
#[derive(Clone, Copy)]
struct Measured {
    answered: f64,
    seconds: f64,
    processor_seconds: f64,
}

impl std::ops::Add for Measured {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Measured {
            answered: self.answered + other.answered,
            seconds: self.seconds + other.seconds,
            processor_seconds: self.processor_seconds + other.processor_seconds,
        }
    }
}

/// Measures two servers with a request over so many connections; both stay up, and are warmed up first.
///
/// # Errors
/// A request that failed.
pub(crate) fn compare(
    pair: [&Server; 2],
    request: &Request,
    connections: usize,
    effort: Effort,
) -> io::Result<Comparison> {
    let slice = |server: &Server| -> io::Result<Measured> {
        let before = server.processor_seconds()?;
        let slice = load::closed_loop(server.address, request, connections, effort.slice)?;
        Ok(Measured {
            answered: count(slice.answered),
            seconds: slice.elapsed.as_secs_f64(),
            processor_seconds: server.processor_seconds()? - before,
        })
    };
    for server in pair {
        slice(server)?;
    }
    let mut rounds = Vec::new();
    for _ in 0..effort.rounds {
        let (a, b) = (slice(pair[0])?, slice(pair[1])?);
        let (b, a) = (b + slice(pair[1])?, a + slice(pair[0])?);
        rounds.push([a, b]);
    }
    let rate = |measured: Measured| measured.answered / measured.seconds;
    let cost = |measured: Measured| measured.processor_seconds * 1e6 / measured.answered;
    let each = |of: &dyn Fn(Measured) -> f64| [0, 1].map(|index| median(rounds.iter().map(|round| of(round[index]))));
    Ok(Comparison {
        throughput: sorted(rounds.iter().map(|[a, b]| rate(*a) / rate(*b))),
        frugality: sorted(rounds.iter().map(|[a, b]| cost(*b) / cost(*a))),
        rates: each(&rate),
        processor_micros: each(&cost),
        busy: each(&|measured| measured.processor_seconds / measured.seconds),
    })
}

/// The latencies of two servers at the same rate, in slices that alternate; of either its median 50th, 90th, 99th and 99.9th
/// percentile, in microseconds.
///
/// # Errors
/// A request that failed.
pub(crate) fn latencies(
    pair: [&Server; 2],
    request: &Request,
    connections: usize,
    rate: f64,
    effort: Effort,
) -> io::Result<[[f64; PERCENTILES.len()]; 2]> {
    let mut measured: [Vec<[f64; PERCENTILES.len()]>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..effort.rounds {
        for index in [0, 1, 1, 0] {
            let latencies = load::open_loop(pair[index].address, request, connections, rate, effort.slice)?;
            measured[index].push(PERCENTILES.map(|percentile| {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let rank = (percentile / 100.0 * count(latencies.len() as u64)) as usize;
                latencies[rank.min(latencies.len() - 1)].as_secs_f64() * 1e6
            }));
        }
    }
    Ok(measured.map(|slices| std::array::from_fn(|index| median(slices.iter().map(|slice| slice[index])))))
}

pub(crate) const PERCENTILES: [f64; 4] = [50.0, 90.0, 99.0, 99.9];

/// The place of the 99th among them.
pub(crate) const P99: usize = 2;

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
