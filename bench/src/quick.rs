//! `make bench-quick`: our servers and bare hyper, in under a minute.

use std::{fs, io, path::Path, time::Duration};

use crate::{
    compare::{count, median},
    load::{self, Request, Slice},
    server::Server,
    servers::{self, HOST_P2, HOST_P3, NATIVE, OurServers},
};

const CONNECTIONS: usize = 32;
const SLICE: Duration = Duration::from_secs(1);
const ROUNDS: usize = 3;
const STARTS: usize = 5;

/// Number of requests after the rounds, which would show a leak.
const MANY_REQUESTS: u64 = 100_000;

pub(crate) fn measure() -> io::Result<()> {
    let scratch = tempfile::tempdir()?;
    let ours = OurServers::of_dist(scratch.path())?;
    let specs = [
        ours.native(),
        ours.host(HOST_P3, &ours.code),
        ours.host(HOST_P2, &servers::compile(Path::new("dist/hello-wasi-0.2.wasm"), scratch.path())?),
        servers::bare_hyper(),
    ];
    println!("{}", ours.build()?);
    let get = Request::get("/");
    let servers = specs.iter().map(|spec| Server::start(spec, &[])).collect::<io::Result<Vec<_>>>()?;
    let idle = servers.iter().map(Server::memory_kib).collect::<io::Result<Vec<_>>>()?;
    for server in &servers {
        load::closed_loop(server.address, &get, CONNECTIONS, SLICE / 4)?;
    }
    let mut measured: Vec<Vec<(Slice, f64)>> = specs.iter().map(|_| Vec::new()).collect();
    for round in 0..ROUNDS {
        for position in 0..servers.len() {
            let index = if round % 2 == 0 { position } else { servers.len() - 1 - position };
            let before = servers[index].cpu_seconds()?;
            let slice = load::closed_loop(servers[index].address, &get, CONNECTIONS, SLICE)?;
            measured[index].push((slice, servers[index].cpu_seconds()? - before));
        }
    }

    println!(
        "\nGET / over {CONNECTIONS} kept-alive connections, {ROUNDS} slices of {SLICE:?}, servers alternating (medians):\n"
    );
    println!(
        "{:<28} {:>11} {:>10} {:>13} {:>11} {:>11}",
        "", "requests/s", "of native", "CPU us/req", "idle MiB", "loaded MiB"
    );
    let rate = |index: usize| median(measured[index].iter().map(|(slice, _)| per_second(*slice)));
    let native = specs.iter().position(|spec| spec.name == NATIVE).unwrap_or_default();
    for (index, spec) in specs.iter().enumerate() {
        let cpu_micros = median(measured[index].iter().map(|(slice, seconds)| seconds * 1e6 / count(slice.responses)));
        let memory = servers[index].memory_kib()?;
        println!(
            "{:<28} {:>11.0} {:>10.2} {:>13.1} {:>11.1} {:>11.1}",
            spec.name,
            rate(index),
            rate(index) / rate(native),
            cpu_micros,
            mib(idle[index]),
            mib(memory)
        );
    }

    println!("\nMemory over {MANY_REQUESTS} more requests:\n");
    for server in servers.iter().filter(|server| server.name.starts_with("hello")) {
        let before = server.memory_kib()?;
        let mut responses = 0;
        while responses < MANY_REQUESTS {
            responses += load::closed_loop(server.address, &get, CONNECTIONS, SLICE / 2)?.responses;
        }
        println!("{:<28} {:>8.1} MiB -> {:>5.1} MiB", server.name, mib(before), mib(server.memory_kib()?));
    }
    drop(servers);

    println!("\nProcess start to first response (median of {STARTS}):\n");
    for spec in &specs {
        let starts = (0..STARTS).map(|_| Ok(Server::start(spec, &[])?.first_response.as_secs_f64() * 1e3));
        println!("{:<28} {:>8.1} ms", spec.name, median(starts.collect::<io::Result<Vec<f64>>>()?));
    }

    println!("\nSizes:\n");
    for file in ["hello-native", "hello-host", "hello-wasi-0.2.wasm", "hello-wasi-0.3.wasm"] {
        let bytes = fs::metadata(Path::new("dist").join(file))?.len();
        println!("{file:<28} {:>8.2} MiB", count(bytes) / count(1 << 20));
    }
    Ok(())
}

fn per_second(slice: Slice) -> f64 {
    count(slice.responses) / slice.elapsed.as_secs_f64()
}

fn mib(kib: u64) -> f64 {
    count(kib) / 1024.0
}
