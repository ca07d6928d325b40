//! `make bench`: every figure of docs/BENCHMARKS.md, in about half an hour.

use std::{fs, io, path::Path, process::Command, time::Duration};

use crate::{
    compare::{Effort, P99, compare, count, latencies, median, sorted},
    load::{self, Request},
    placement::Placement::{self, Apart, Together},
    quota::Quota,
    report::{Bound, Goal, Report, Row, Series, Sweep, Unit},
    server::{Recipe, Server},
    servers::{self, HOST_P2, HOST_P3, Ours, Places},
};

const CONNECTIONS: usize = 32;
/// Short, so that what the machine does beside hits the one as often as the other.
const PEAK: Effort = Effort { rounds: 11, slice: Duration::from_millis(500) };
const TAIL: Effort = Effort { rounds: 5, slice: Duration::from_secs(3) };
const STARTS: usize = 21;
/// Requests at once, where more are refused.
const PLACES: usize = 64;
const SWEEP_SLICE: Duration = Duration::from_secs(2);

const P3: &str = "dist/hello-wasi-0.3.wasm";
const P2: &str = "dist/hello-wasi-0.2.wasm";

/// wasmtime's options for a server that is to be fast, beyond those that it has by default: reuse of WASI 0.3 instances.
const TUNED: [&str; 7] = [
    "-O",
    "pooling-allocator=y,pooling-memory-keep-resident=2097152,pooling-table-keep-resident=65536,pooling-async-stack-keep-resident=65536",
    "-C",
    "cache=y",
    "--max-instance-reuse-count",
    "2000",
    "--max-instance-concurrent-reuse-count=16",
];

/// Two servers to compare, and what must hold and is aimed at.
struct Pair<'a> {
    what: &'static str,
    servers: [&'a Recipe; 2],
    /// The ratio of throughputs, with servers and load together: apart, it is one of processor time.
    throughput: Option<[f64; 2]>,
    /// The ratio of CPU time per request, the second's to the first's.
    frugality: Option<[f64; 2]>,
}

/// Measures everything and writes docs/BENCHMARKS.md, or as much of it as could be measured.
///
/// # Errors
/// A server that does not start, a request that fails, a file that cannot be written.
pub(crate) fn measure(peers: &Path) -> io::Result<()> {
    let mut report = Report::new()?;
    let measured = measure_into(&mut report, peers);
    report.write()?;
    measured
}

fn measure_into(report: &mut Report, peers: &Path) -> io::Result<()> {
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path();
    let ours = Ours::of_images(folder)?;
    report.condition(ours.build()?);
    let composed = servers::without_variables(peers, folder)?;
    let places = Places { scratch: scratch.path().to_owned(), peers: peers.to_owned() };
    let native = &ours.native();
    let host = &ours.host(HOST_P3, &ours.code);
    let host_p2 = &ours.host(HOST_P2, &servers::compile(Path::new(P2), folder)?);
    let host_composed = &ours.host("hello-host, WASI 0.2, composed", &servers::compile(&composed, folder)?);
    let host_with_compiler = &servers::host_with_compiler("hello-host of dist/", Path::new(P3));
    let serve = &places.wasmtime("wasmtime serve, WASI 0.3", Path::new(P3), &[]);
    let serve_tuned = &places.wasmtime("wasmtime serve, WASI 0.3, tuned", Path::new(P3), &TUNED);
    let serve_composed = &places.wasmtime("wasmtime serve, WASI 0.2", &composed, &[]);
    let (bare_hyper, axum_serve) = (&servers::bare_hyper(), &servers::axum_serve());
    let (flask, go, nginx) = (&places.flask(), &places.go(), &places.nginx());
    let work_host = &ours.host("hello-host, work", &servers::compile(&peers.join("work.wasm"), folder)?);
    let work_native = &servers::work_native();

    // It answers whatever it is sent.
    let spans = start(native, Apart)?;
    let native_observed = &servers::observed("hello-native, observed", ours.native(), spans.address);
    let host_observed = &servers::observed("hello-host, observed", ours.host(HOST_P3, &ours.code), spans.address);

    let pair = |what, servers| Pair { what, servers, throughput: None, frugality: None };
    let pairs = [
        pair("the same server twice (control)", [native, native]),
        Pair { throughput: Some([1.75, 2.5]), ..pair("WASI 0.3 in hello-host against wasmtime serve", [host, serve]) },
        Pair { throughput: Some([1.7, 2.4]), ..pair("the same against wasmtime serve, tuned", [host, serve_tuned]) },
        Pair {
            throughput: Some([4.0, 5.0]),
            ..pair("WASI 0.2 in hello-host against wasmtime serve", [host_composed, serve_composed])
        },
        Pair {
            throughput: Some([0.62, 0.8]),
            frugality: Some([0.4, 0.6]),
            ..pair("WASI 0.3 in hello-host against native", [host, native])
        },
        Pair { throughput: Some([0.33, 0.45]), ..pair("WASI 0.2 in hello-host against native", [host_p2, native]) },
        Pair { throughput: Some([0.9, 0.97]), ..pair("native against bare hyper", [native, bare_hyper]) },
        Pair {
            throughput: Some([0.9, 0.97]),
            ..pair("native with log lines and spans against native", [native_observed, native])
        },
        Pair {
            throughput: Some([0.95, 0.98]),
            ..pair("WASI 0.3 in hello-host with log lines and spans against without", [host_observed, host])
        },
        pair("native against axum::serve", [native, axum_serve]),
        Pair { throughput: Some([20.0, 25.0]), ..pair("native against Flask under gunicorn", [native, flask]) },
        pair("native against Go net/http", [native, go]),
        pair("native against nginx", [native, nginx]),
    ];
    for pair in &pairs {
        for placement in [Apart, Together] {
            compare_pair(pair, &Request::get("/"), placement, report)?;
        }
    }
    for (what, length) in [
        ("echo of 1 KiB: WASI 0.3 in hello-host against native", 1 << 10),
        ("echo of 1 MiB: WASI 0.3 in hello-host against native", 1 << 20),
    ] {
        compare_pair(&pair(what, [host, native]), &Request::echo(length), Apart, report)?;
    }
    let what = "a handler that computes: WASI 0.3 in hello-host against native";
    let work = Pair { throughput: Some([0.9, 0.9]), ..pair(what, [work_host, work_native]) };
    compare_pair(&work, &Request::get("/"), Together, report)?;
    tail(host, serve, report)?;

    for server in [ours.native(), ours.host(HOST_P3, &ours.code)] {
        overload(&servers::with_places(server, PLACES), report)?;
    }
    start_times("native", native, [4.0, 2.0], report)?;
    start_times("hello-host", host, [7.0, 4.0], report)?;
    start_times("hello-host of dist/, with its compiler, warm cache", host_with_compiler, [12.0, 8.0], report)?;
    memory("native", native, [5.0, 2.5], [25.0, 12.0], report)?;
    memory("hello-host", host, [18.0, 10.0], [60.0, 35.0], report)?;

    let contestants = [("native", native), ("hello-host, WASI 0.3", host), ("wasmtime serve, WASI 0.3", serve)];
    Apart.take()?;
    report.sweeps.push(sweep("connections", &contestants, &[1, 10, 100, 1000, 10_000], &|recipe, connections| {
        throughput(&start(recipe, Apart)?, &Request::get("/"), connections)
    }));
    report.sweeps.push(sweep(
        "bytes echoed",
        &contestants,
        &[1, 1 << 10, 10 << 10, 100 << 10, 1 << 20, 10 << 20],
        &|recipe, length| throughput(&start(recipe, Apart)?, &Request::echo(length), CONNECTIONS),
    ));
    Together.take()?;
    report.sweeps.push(sweep("CPU quota in percent", &contestants[..2], &[10, 50, 100, 200], &|recipe, percent| {
        let group = Quota::new(percent)?;
        let server = Server::start(recipe, &["sh", "-c", &group.join(), "sh"])?;
        throughput(&server, &Request::get("/"), CONNECTIONS)
    }));
    image("hello-native", [3.6, 2.0], scratch.path(), report)?;
    image("hello-wasm", [14.0, 10.0], scratch.path(), report)
}

fn compare_pair(pair: &Pair, request: &Request, placement: Placement, report: &mut Report) -> io::Result<()> {
    let what = format!("{}, {}", pair.what, placement.name());
    eprintln!("{what}");
    placement.take()?;
    let [first, second] = pair.servers.map(|server| start(server, placement));
    let compared = compare([&first?, &second?], request, CONNECTIONS, PEAK)?;
    let mut goal = |of: &str, ratios: &[f64], bound: Option<[f64; 2]>| {
        if let Some(bound) = bound {
            let (what, measured) = (format!("{what}: {of}"), ratios.to_vec());
            report.goals.push(Goal { what, measured, unit: Unit::Ratio, bound: Bound::AtLeast(bound) });
        }
    };
    goal("throughput", &compared.throughput, pair.throughput.filter(|_| placement == Together));
    goal("CPU time per request", &compared.frugality, pair.frugality);
    report.rows.push(Row::new(&what, &compared));
    Ok(())
}

/// Latencies at half of what the second server can answer, over open loops.
fn tail(first: &Recipe, second: &Recipe, report: &mut Report) -> io::Result<()> {
    Apart.take()?;
    let (first, second) = (start(first, Apart)?, start(second, Apart)?);
    let rate = throughput(&second, &Request::get("/"), CONNECTIONS)? / 2.0;
    eprintln!("latency at {rate:.0} requests/s");
    let percentiles = latencies([&first, &second], &Request::get("/"), CONNECTIONS, rate, TAIL)?;
    report.latencies(rate, [first.name, second.name], percentiles);
    report.goals.push(Goal {
        what: format!("p99 latency at half of the peak of the second: {} to {}", first.name, second.name),
        measured: vec![percentiles[0][P99] / percentiles[1][P99]],
        unit: Unit::Ratio,
        bound: Bound::AtMost([0.6, 0.4]),
    });
    Ok(())
}

/// Ten times the requests that there are places for: what can be answered still is, and the rest is refused at once.
fn overload(server: &Recipe, report: &mut Report) -> io::Result<()> {
    Together.take()?;
    eprintln!("overload of {}", server.name);
    let server = start(server, Together)?;
    let wait = Request::get("/delay/0.05");
    let peak = throughput(&server, &wait, PLACES)?;
    let overload = load::overload(server.address, &wait, 10 * PLACES, 10.0 * peak, TAIL.slice)?;
    let goodput = count(overload.answered) / overload.elapsed.as_secs_f64();
    let slowest = overload.refusals.last().ok_or_else(|| io::Error::other("an overload, but nothing was refused"))?;
    report.goals.push(Goal {
        what: format!("goodput at ten times the capacity against goodput at the capacity: {}", server.name),
        measured: vec![goodput / peak],
        unit: Unit::Ratio,
        bound: Bound::AtLeast([0.9, 0.98]),
    });
    report.goals.push(Goal {
        what: format!("slowest of {} rejections meanwhile: {}", overload.refusals.len(), server.name),
        measured: vec![slowest.as_secs_f64() * 1e3],
        unit: Unit::Milliseconds,
        bound: Bound::AtMost([50.0, 10.0]),
    });
    Ok(())
}

fn start_times(what: &str, server: &Recipe, bound: [f64; 2], report: &mut Report) -> io::Result<()> {
    Together.take()?;
    eprintln!("starts of {what}");
    let start_time = || Ok(Server::start(server, &[])?.first_answer.as_secs_f64() * 1e3);
    // The first fills the caches.
    start_time()?;
    let starts = (0..STARTS).map(|_| start_time());
    report.goals.push(Goal {
        what: format!("process start to first response: {what}"),
        measured: sorted(starts.collect::<io::Result<Vec<_>>>()?),
        unit: Unit::Milliseconds,
        bound: Bound::AtMost(bound),
    });
    Ok(())
}

fn memory(what: &str, server: &Recipe, idle: [f64; 2], loaded: [f64; 2], report: &mut Report) -> io::Result<()> {
    Together.take()?;
    eprintln!("memory of {what}");
    let mut note = |state: &str, bound: [f64; 2], server: &Server| {
        report.goals.push(Goal {
            what: format!("memory, {state}: {what}"),
            measured: vec![count(server.memory_kib()?) / 1024.0],
            unit: Unit::Mebibytes,
            bound: Bound::AtMost(bound),
        });
        Ok::<_, io::Error>(())
    };
    let server = start(server, Together)?;
    note("idle", idle, &server)?;
    let get = Request::get("/");
    load::closed_loop(server.address, &get, 1000, SWEEP_SLICE)?;
    note("after load over 1,000 connections", loaded, &server)?;
    let mut answered = 0;
    while answered < 1_000_000 {
        answered += load::closed_loop(server.address, &get, CONNECTIONS, SWEEP_SLICE)?.answered;
    }
    note("after 1,000,000 requests more", loaded, &server)
}

fn image(name: &str, bound: [f64; 2], scratch: &Path, report: &mut Report) -> io::Result<()> {
    let file = scratch.join(name).with_extension("tar");
    let saved = Command::new("scripts/images.sh").arg("save").arg(name).arg(&file).output()?;
    if !saved.status.success() {
        return Err(io::Error::other(format!("no image {name} to measure; `make images` builds it")));
    }
    report.goals.push(Goal {
        what: format!("image {name}"),
        measured: vec![count(fs::metadata(file)?.len()) / count(1 << 20)],
        unit: Unit::Mebibytes,
        bound: Bound::AtMost(bound),
    });
    Ok(())
}

fn start(recipe: &Recipe, placement: Placement) -> io::Result<Server> {
    Server::start(recipe, &placement.of_servers())
}

/// Requests a second, after a warm-up.
fn throughput(server: &Server, request: &Request, connections: usize) -> io::Result<f64> {
    load::closed_loop(server.address, request, connections, SWEEP_SLICE / 4)?;
    let slices = (0..3).map(|_| load::closed_loop(server.address, request, connections, SWEEP_SLICE));
    let slices = slices.collect::<io::Result<Vec<_>>>()?;
    Ok(median(slices.iter().map(|slice| count(slice.answered) / slice.elapsed.as_secs_f64())))
}

fn sweep(
    over: &'static str,
    contestants: &[(&'static str, &Recipe)],
    values: &[usize],
    measure: &dyn Fn(&Recipe, usize) -> io::Result<f64>,
) -> Sweep {
    let mut series = Vec::new();
    for (name, recipe) in contestants {
        let mut rates = Vec::new();
        for value in values {
            eprintln!("{name}: {over}, {value}");
            // Such as the 500s of wasmtime's server when connections outnumber its instances.
            rates.push(measure(recipe, *value).inspect_err(|error| eprintln!("  failed: {error}")).ok());
        }
        series.push(Series { name, rates });
    }
    Sweep { over, values: values.to_vec(), series }
}
