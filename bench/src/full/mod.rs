//! `make bench`: all figures of docs/BENCHMARKS.md, in about half an hour.

mod comparisons;
mod footprint;
mod overload;
mod throughput;

use std::{io, path::Path, time::Duration};

use self::comparisons::Pair;
use crate::{
    compare::Schedule,
    cpu_pinning::CpuPinning::{self, Shared, Split},
    cpu_quota::CpuQuota,
    load::Request,
    report::{Limit, Report},
    server::{Server, ServerSpec},
    servers::{self, HOST_P2, HOST_P3, OtherServers, OurServers},
};

const CONNECTIONS: usize = 32;
/// Schedule of comparisons. The slices are short, so that other work on the machine affects both servers equally.
const THROUGHPUT_SCHEDULE: Schedule = Schedule { rounds: 11, slice: Duration::from_millis(500) };
/// Schedule of latencies and of the overload.
const LATENCY_SCHEDULE: Schedule = Schedule { rounds: 5, slice: Duration::from_secs(3) };
/// Limit on requests in flight during the overload.
const MAX_IN_FLIGHT: usize = 64;

const P3: &str = "dist/hello-wasi-0.3.wasm";
const P2: &str = "dist/hello-wasi-0.2.wasm";

/// The fastest options of `wasmtime serve`, in addition to its default of reusing WASI 0.3 instances.
const TUNED: [&str; 7] = [
    "-O",
    "pooling-allocator=y,pooling-memory-keep-resident=2097152,pooling-table-keep-resident=65536,pooling-async-stack-keep-resident=65536",
    "-C",
    "cache=y",
    "--max-instance-reuse-count",
    "2000",
    "--max-instance-concurrent-reuse-count=16",
];

/// Measures everything and writes docs/BENCHMARKS.md. After an error, writes the measurements before it.
///
/// # Errors
/// A server does not start, a request fails, or a file is not writable.
pub(crate) fn measure(peers: &Path) -> io::Result<()> {
    let mut report = Report::new()?;
    let measured = measure_into(&mut report, peers);
    report.write()?;
    measured
}

fn measure_into(report: &mut Report, peers: &Path) -> io::Result<()> {
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path();
    let ours = OurServers::of_images(folder)?;
    report.add_condition(ours.build()?);
    let native = &ours.native();
    let host = &ours.host(HOST_P3, &ours.code);

    compare_servers(report, &ours, peers, folder)?;
    for server in [ours.native(), ours.host(HOST_P3, &ours.code)] {
        overload::measure(&servers::with_in_flight_limit(server, MAX_IN_FLIGHT), report)?;
    }
    let host_with_compiler = &servers::host_with_compiler("hello-host of dist/", Path::new(P3));
    footprint::starts("native", native, Limit::at_most(4.0, 2.0), report)?;
    footprint::starts("hello-host", host, Limit::at_most(7.0, 4.0), report)?;
    let warm = "hello-host of dist/, with its compiler, warm cache";
    footprint::starts(warm, host_with_compiler, Limit::at_most(20.0, 12.0), report)?;
    footprint::memory("native", native, Limit::at_most(5.0, 2.5), Limit::at_most(25.0, 12.0), report)?;
    footprint::memory("hello-host", host, Limit::at_most(18.0, 10.0), Limit::at_most(60.0, 35.0), report)?;

    let serve = &OtherServers::new(peers, folder).wasmtime("wasmtime serve, WASI 0.3", Path::new(P3), &[]);
    sweep_all(report, &[("native", native), ("hello-host, WASI 0.3", host), ("wasmtime serve, WASI 0.3", serve)])?;
    footprint::image("hello-native", Limit::at_most(3.6, 2.0), folder, report)?;
    footprint::image("hello-wasm", Limit::at_most(14.0, 10.0), folder, report)
}

/// Compares all pairs of servers, and the latencies of our host and `wasmtime serve`.
fn compare_servers(report: &mut Report, ours: &OurServers, peers: &Path, folder: &Path) -> io::Result<()> {
    let others = OtherServers::new(peers, folder);
    let native = &ours.native();
    let host = &ours.host(HOST_P3, &ours.code);
    let host_p2 = &ours.host(HOST_P2, &servers::compile(Path::new(P2), folder)?);
    let composed = servers::without_variables(peers, folder)?;
    let host_composed = &ours.host("hello-host, WASI 0.2, composed", &servers::compile(&composed, folder)?);
    let serve = &others.wasmtime("wasmtime serve, WASI 0.3", Path::new(P3), &[]);
    let serve_tuned = &others.wasmtime("wasmtime serve, WASI 0.3, tuned", Path::new(P3), &TUNED);
    let serve_composed = &others.wasmtime("wasmtime serve, WASI 0.2", &composed, &[]);
    let (bare_hyper, axum_serve) = (&servers::bare_hyper(), &servers::axum_serve());
    let (flask, go, nginx) = (&others.flask(), &others.go(), &others.nginx());
    // The collector of spans: `/echo` accepts any body.
    let spans = start(native, Split)?;
    let native_telemetry = &servers::with_telemetry("hello-native, telemetry", ours.native(), spans.address);
    let host_telemetry =
        &servers::with_telemetry("hello-host, telemetry", ours.host(HOST_P3, &ours.code), spans.address);

    let pairs = [
        Pair::new("the same server twice (control)", [native, native]),
        Pair::new("WASI 0.3 in hello-host against wasmtime serve", [host, serve]).throughput(1.6, 2.5),
        Pair::new("the same against wasmtime serve, tuned", [host, serve_tuned]).throughput(1.6, 2.4),
        Pair::new("WASI 0.2 in hello-host against wasmtime serve", [host_composed, serve_composed])
            .throughput(4.0, 5.0),
        Pair::new("WASI 0.3 in hello-host against native", [host, native]).throughput(0.6, 0.8).cpu_ratio(0.4, 0.6),
        Pair::new("WASI 0.2 in hello-host against native", [host_p2, native]).throughput(0.33, 0.45),
        Pair::new("native against bare hyper", [native, bare_hyper]).throughput(0.9, 0.97),
        Pair::new("native with log lines and spans against native", [native_telemetry, native]).throughput(0.9, 0.97),
        Pair::new("WASI 0.3 in hello-host with log lines and spans against without", [host_telemetry, host])
            .throughput(0.95, 0.98),
        Pair::new("native against axum::serve", [native, axum_serve]),
        Pair::new("native against Flask under gunicorn", [native, flask]).throughput(20.0, 25.0),
        Pair::new("native against Go net/http", [native, go]),
        Pair::new("native against nginx", [native, nginx]),
    ];
    for pair in &pairs {
        for pinning in [Split, Shared] {
            pair.measure(&Request::get("/"), pinning, report)?;
        }
    }
    for (what, length) in [
        ("echo of 1 KiB: WASI 0.3 in hello-host against native", 1 << 10),
        ("echo of 1 MiB: WASI 0.3 in hello-host against native", 1 << 20),
    ] {
        Pair::new(what, [host, native]).measure(&Request::echo(length), Split, report)?;
    }
    let work_host = &ours.host("hello-host, work", &servers::compile(&peers.join("work.wasm"), folder)?);
    Pair::new("a handler that computes: WASI 0.3 in hello-host against native", [work_host, &servers::work_native()])
        .throughput(0.9, 0.9)
        .measure(&Request::get("/"), Shared, report)?;
    comparisons::latency([host, serve], report)
}

/// Measures throughput over connections, body sizes and CPU quotas.
fn sweep_all(report: &mut Report, servers: &[(&'static str, &ServerSpec)]) -> io::Result<()> {
    Split.apply()?;
    let get = Request::get("/");
    report.add_sweep(throughput::sweep("connections", servers, &[1, 10, 100, 1000, 10_000], &|spec, connections| {
        throughput::measure(&start(spec, Split)?, &get, connections)
    }));
    let lengths = [1, 1 << 10, 10 << 10, 100 << 10, 1 << 20, 10 << 20];
    report.add_sweep(throughput::sweep("bytes echoed", servers, &lengths, &|spec, length| {
        throughput::measure(&start(spec, Split)?, &Request::echo(length), CONNECTIONS)
    }));
    Shared.apply()?;
    let ours = &servers[..2];
    report.add_sweep(throughput::sweep("CPU quota in percent", ours, &[10, 50, 100, 200], &|spec, percent| {
        let quota = CpuQuota::new(percent)?;
        let server = Server::start(spec, &["sh", "-c", &quota.join_script(), "sh"])?;
        throughput::measure(&server, &get, CONNECTIONS)
    }));
    Ok(())
}

fn start(spec: &ServerSpec, pinning: CpuPinning) -> io::Result<Server> {
    Server::start(spec, &pinning.server_prefix())
}
