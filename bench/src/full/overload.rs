//! Ten times the capacity of a server: it still responds at its capacity, and rejects all other requests immediately.

use std::io;

use super::{LATENCY_SCHEDULE, MAX_IN_FLIGHT, start, throughput};
use crate::{
    compare::count,
    cpu_pinning::CpuPinning::Shared,
    load::{self, Request},
    report::{Limit, Report, Unit},
    server::ServerSpec,
};

/// Adds the goodput and the slowest rejection of an overload to the report.
pub(super) fn measure(spec: &ServerSpec, report: &mut Report) -> io::Result<()> {
    Shared.apply()?;
    eprintln!("overload of {}", spec.name);
    let server = start(spec, Shared)?;
    let slow = Request::get("/delay/0.05");
    let peak = throughput::measure(&server, &slow, MAX_IN_FLIGHT)?;
    let overload = load::overload(server.address, &slow, 10 * MAX_IN_FLIGHT, 10.0 * peak, LATENCY_SCHEDULE.slice)?;
    let goodput = count(overload.responses) / overload.elapsed.as_secs_f64();
    let slowest = overload.rejections.last().ok_or_else(|| io::Error::other("an overload without rejections"))?;
    report.add_target(
        format!("goodput at ten times the capacity against goodput at the capacity: {}", server.name),
        vec![goodput / peak],
        Unit::Ratio,
        Limit::at_least(0.9, 0.98),
    );
    report.add_target(
        format!("slowest of {} rejections meanwhile: {}", overload.rejections.len(), server.name),
        vec![slowest.as_secs_f64() * 1e3],
        Unit::Milliseconds,
        Limit::at_most(50.0, 10.0),
    );
    Ok(())
}
