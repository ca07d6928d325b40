//! Throughput of single servers, also over a variable such as the number of connections.

use std::{io, time::Duration};

use crate::{
    compare::{count, median},
    load::{self, Request},
    report::{Series, Sweep},
    server::{Server, ServerSpec},
};

/// Length of a slice of load.
pub(super) const SLICE: Duration = Duration::from_secs(2);

/// Returns requests per second, after a warm-up.
pub(super) fn measure(server: &Server, request: &Request, connections: usize) -> io::Result<f64> {
    load::closed_loop(server.address, request, connections, SLICE / 4)?;
    let slices = (0..3).map(|_| load::closed_loop(server.address, request, connections, SLICE));
    let slices = slices.collect::<io::Result<Vec<_>>>()?;
    Ok(median(slices.iter().map(|slice| count(slice.responses) / slice.elapsed.as_secs_f64())))
}

/// Measures servers at several values of a variable.
pub(super) fn sweep(
    over: &'static str,
    servers: &[(&'static str, &ServerSpec)],
    values: &[usize],
    measure: &dyn Fn(&ServerSpec, usize) -> io::Result<f64>,
) -> Sweep {
    let mut series = Vec::new();
    for (name, spec) in servers {
        let mut rates = Vec::new();
        for value in values {
            eprintln!("{name}: {over}, {value}");
            // Some servers fail: `wasmtime serve` responds with 500 if it has more connections than instances.
            rates.push(measure(spec, *value).inspect_err(|error| eprintln!("  failed: {error}")).ok());
        }
        series.push(Series { name, rates });
    }
    Sweep { over, values: values.to_vec(), series }
}
