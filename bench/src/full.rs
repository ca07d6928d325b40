//! `make bench`: every figure of docs/BENCHMARKS.md, in about half an hour. Servers run on the first processor; `make bench` puts
//! this, and so the load, on the second.

use std::{fs, io, path::Path, process::Command, time::Duration};

use crate::{
    compare::{Comparison, Effort, compare, count, latencies, median, sorted},
    load::{self, Request},
    quota::Quota,
    report::{Bound, Goal, Report, Row, Series, Sweep, Unit},
    server::{Recipe, Server},
    servers::{self, HOST_P2, HOST_P3, Places},
};

const CONNECTIONS: usize = 32;
const PEAK: Effort = Effort { rounds: 10, slice: Duration::from_secs(1) };
const TAIL: Effort = Effort { rounds: 5, slice: Duration::from_secs(3) };
const STARTS: usize = 21;
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

/// Measures everything and writes docs/BENCHMARKS.md.
///
/// # Errors
/// A server that does not start, a request that fails, a file that cannot be written.
pub(crate) fn measure(peers: &Path) -> io::Result<()> {
    let scratch = tempfile::tempdir()?;
    let code = servers::compile(scratch.path())?;
    let places = Places { scratch: scratch.path().to_owned(), peers: peers.to_owned() };
    let host = || servers::host_precompiled(HOST_P3, &code);
    let host_p2 = || servers::host(HOST_P2, Path::new(P2));
    let without_variables = servers::without_variables(peers, scratch.path())?;
    let host_composed = || servers::host("hello-host, WASI 0.2, composed", &without_variables);
    let mut report = Report::new()?;

    let serve = || places.wasmtime("wasmtime serve, WASI 0.3", Path::new(P3), &[]);
    let tuned = || places.wasmtime("wasmtime serve, WASI 0.3, tuned", Path::new(P3), &TUNED);
    let serve_p2 = || places.wasmtime("wasmtime serve, WASI 0.2", &without_variables, &[]);
    let get = Request::get("/");
    let mut slower_peak = 0.0;
    type Make<'a> = &'a dyn Fn() -> Recipe;
    let pairs: [(&str, Make, Make, Option<[f64; 2]>, Option<[f64; 2]>); 11] = [
        ("the same server twice (control)", &servers::native, &servers::native, None, None),
        ("WASI 0.3 in hello-host against wasmtime serve", &host, &serve, Some([1.8, 2.5]), None),
        ("the same against wasmtime serve, tuned", &host, &tuned, Some([1.7, 2.4]), None),
        ("WASI 0.2 in hello-host against wasmtime serve", &host_composed, &serve_p2, Some([3.0, 4.5]), None),
        ("WASI 0.3 in hello-host against native", &host, &servers::native, Some([0.6, 0.8]), Some([0.4, 0.6])),
        ("WASI 0.2 in hello-host against native", &host_p2, &servers::native, Some([0.33, 0.45]), None),
        ("native against bare hyper", &servers::native, &servers::bare_hyper, Some([0.9, 0.97]), None),
        ("native against axum::serve", &servers::native, &servers::axum_serve, None, None),
        ("native against Flask under gunicorn", &servers::native, &|| places.flask(), Some([15.0, 25.0]), None),
        ("native against Go net/http", &servers::native, &|| places.go(), None, None),
        ("native against nginx", &servers::native, &|| places.nginx(), None, None),
    ];
    for (what, first, second, throughput, frugality) in pairs {
        let compared = side_by_side(what, &first(), &second(), &get, &mut report)?;
        if throughput == Some([1.8, 2.5]) {
            slower_peak = compared.rates[1];
        }
        goal(&mut report, format!("{what}: throughput"), &compared.throughput, throughput);
        goal(&mut report, format!("{what}: processor time a request"), &compared.frugality, frugality);
    }
    for (size, length) in [("1 KiB", 1 << 10), ("1 MiB", 1 << 20)] {
        let what = format!("echo of {size}: WASI 0.3 in hello-host against native");
        side_by_side(&what, &host(), &servers::native(), &Request::echo(length), &mut report)?;
    }
    let what = "a handler that works: WASI 0.3 in hello-host against native";
    let worked = side_by_side(what, &servers::work_host(peers), &servers::work_native(), &get, &mut report)?;
    goal(&mut report, what.into(), &worked.throughput, Some([0.9, 0.9]));

    eprintln!("latency at {:.0} requests/s", slower_peak / 2.0);
    {
        let pair = [start(&host())?, start(&serve())?];
        let pair = [&pair[0], &pair[1]];
        let percentiles = latencies(pair, &get, CONNECTIONS, slower_peak / 2.0, TAIL)?;
        let ratio = percentiles[0][2] / percentiles[1][2];
        report.latencies(slower_peak / 2.0, pair.map(|server| server.name), percentiles);
        report.goals.push(Goal {
            what: "p99 latency at half of the slower's peak: WASI 0.3 in hello-host to wasmtime serve".into(),
            measured: vec![ratio],
            unit: Unit::Ratio,
            bound: Bound::AtMost([0.6, 0.4]),
        });
    }

    eprintln!("starts");
    for (what, recipe, bound) in [
        ("native", servers::native(), [4.0, 2.0]),
        ("hello-host, precompiled", host(), [7.0, 4.0]),
        ("hello-host, warm cache", servers::host(HOST_P3, Path::new(P3)), [12.0, 8.0]),
    ] {
        drop(Server::start(&recipe, &[])?);
        let starts = (0..STARTS).map(|_| Ok(Server::start(&recipe, &[])?.first_answer.as_secs_f64() * 1e3));
        report.goals.push(Goal {
            what: format!("start of the process to its first answer: {what}"),
            measured: sorted(starts.collect::<io::Result<Vec<_>>>()?),
            unit: Unit::Milliseconds,
            bound: Bound::AtMost(bound),
        });
    }

    for (what, recipe, idle, loaded) in
        [("native", servers::native(), [5.0, 2.5], [25.0, 12.0]), ("hello-host", host(), [18.0, 10.0], [60.0, 35.0])]
    {
        eprintln!("memory of {what}");
        let mut memory = |state: &str, bound, mib: f64| {
            report.goals.push(Goal {
                what: format!("memory, {state}: {what}"),
                measured: vec![mib],
                unit: Unit::Mebibytes,
                bound: Bound::AtMost(bound),
            });
        };
        let server = Server::start(&recipe, &[])?;
        memory("idle", idle, mebibytes(&server)?);
        load::closed_loop(server.address, &get, 1000, SWEEP_SLICE)?;
        memory("after load over 1,000 connections", loaded, mebibytes(&server)?);
        let mut answered = 0;
        while answered < 1_000_000 {
            answered += load::closed_loop(server.address, &get, CONNECTIONS, SWEEP_SLICE)?.answered;
        }
        memory("after 1,000,000 requests", loaded, mebibytes(&server)?);
    }

    for (image, bound) in [("hello-native", [3.0, 1.8]), ("hello-wasm", [12.0, 8.0])] {
        let file = scratch.path().join(image);
        let saved = Command::new("scripts/images.sh").arg("save").arg(image).arg(&file).output()?;
        if !saved.status.success() {
            return Err(io::Error::other(format!("no image {image} to measure; `make images` builds it")));
        }
        report.goals.push(Goal {
            what: format!("image {image}"),
            measured: vec![count(fs::metadata(file)?.len()) / count(1 << 20)],
            unit: Unit::Mebibytes,
            bound: Bound::AtMost(bound),
        });
    }

    let contestants: [(&'static str, Make); 3] =
        [("native", &servers::native), ("hello-host, WASI 0.3", &host), ("wasmtime serve, WASI 0.3", &serve)];
    report.sweeps.push(sweep("connections", &contestants, &[1, 10, 100, 1000, 10_000], &|recipe, connections| {
        throughput(&start(recipe)?, &get, connections)
    })?);
    report.sweeps.push(sweep(
        "bytes echoed",
        &contestants,
        &[1, 1 << 10, 10 << 10, 100 << 10, 1 << 20, 10 << 20],
        &|recipe, length| throughput(&start(recipe)?, &Request::echo(length), CONNECTIONS),
    )?);
    report.sweeps.push(sweep(
        "processor quota in per cent",
        &contestants[..2],
        &[10, 50, 100, 200],
        &|recipe, percent| {
            let group = Quota::new(percent)?;
            let server = Server::start(recipe, &["sh", "-c", &group.join(), "sh"])?;
            throughput(&server, &get, CONNECTIONS)
        },
    )?);
    report.write()
}

fn start(recipe: &Recipe) -> io::Result<Server> {
    Server::start(recipe, &["taskset", "--cpu-list", "0"])
}

fn side_by_side(
    what: &str,
    first: &Recipe,
    second: &Recipe,
    request: &Request,
    report: &mut Report,
) -> io::Result<Comparison> {
    eprintln!("{what}");
    let pair = [start(first)?, start(second)?];
    let compared = compare([&pair[0], &pair[1]], request, CONNECTIONS, PEAK)?;
    report.rows.push(Row::new(what, &compared));
    Ok(compared)
}

fn goal(report: &mut Report, what: String, ratios: &[f64], bound: Option<[f64; 2]>) {
    if let Some(bound) = bound {
        report.goals.push(Goal { what, measured: ratios.to_vec(), unit: Unit::Ratio, bound: Bound::AtLeast(bound) });
    }
}

fn mebibytes(server: &Server) -> io::Result<f64> {
    Ok(count(server.memory_kib()?) / 1024.0)
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
    contestants: &[(&'static str, &dyn Fn() -> Recipe)],
    values: &[usize],
    measure: &dyn Fn(&Recipe, usize) -> io::Result<f64>,
) -> io::Result<Sweep> {
    let mut series = Vec::new();
    for (name, recipe) in contestants {
        let mut rates = Vec::new();
        for value in values {
            eprintln!("{name}: {over}, {value}");
            rates.push(measure(&recipe(), *value)?);
        }
        series.push(Series { name, rates });
    }
    Ok(Sweep { over, values: values.to_vec(), series })
}
