//! `make bench-quick`: what a request, a start and an idle process cost, natively and as WebAssembly, in one run of under a minute.
//!
//! All servers stay up while slices of load alternate between them, forth and back, so that a slow moment of the machine hits
//! all alike. The ratios are what counts; the absolute figures are this machine's.

mod load;
mod server;

use std::{
    env, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Duration,
};

use load::Slice;
use server::{Recipe, Server};

const CONNECTIONS: usize = 32;
const SLICE: Duration = Duration::from_secs(1);
const ROUNDS: usize = 3;
const STARTS: usize = 5;

/// What the check for leaks sends after the rounds.
const MANY_REQUESTS: u64 = 100_000;

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> io::Result<()> {
    let scratch = tempfile::tempdir()?;
    let precompiled = scratch.path().join("hello.cwasm");
    let compiled = Command::new("dist/hello-host")
        .args(["compile", "dist/hello-wasi-0.3.wasm", "-o"])
        .arg(&precompiled)
        .output()?;
    if !compiled.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&compiled.stderr).into_owned()));
    }

    let recipes = recipes();
    let servers = recipes.iter().map(Server::start).collect::<io::Result<Vec<_>>>()?;
    let idle = servers.iter().map(Server::memory_kib).collect::<io::Result<Vec<_>>>()?;
    for server in &servers {
        load::run(server.address, CONNECTIONS, SLICE / 4)?;
    }
    let mut measured: Vec<Vec<(Slice, f64)>> = recipes.iter().map(|_| Vec::new()).collect();
    for round in 0..ROUNDS {
        for position in 0..servers.len() {
            let index = if round % 2 == 0 { position } else { servers.len() - 1 - position };
            let before = servers[index].processor_seconds()?;
            let slice = load::run(servers[index].address, CONNECTIONS, SLICE)?;
            measured[index].push((slice, servers[index].processor_seconds()? - before));
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
    let native = recipes.iter().position(|recipe| recipe.name == NATIVE).unwrap_or_default();
    for (index, recipe) in recipes.iter().enumerate() {
        let processor = median(measured[index].iter().map(|(slice, seconds)| seconds * 1e6 / count(slice.answered)));
        let memory = servers[index].memory_kib()?;
        println!(
            "{:<28} {:>11.0} {:>10.2} {:>13.1} {:>11.1} {:>11.1}",
            recipe.name,
            rate(index),
            rate(index) / rate(native),
            processor,
            mib(idle[index]),
            mib(memory)
        );
    }

    println!("\nMemory over {MANY_REQUESTS} more requests:\n");
    for (recipe, server) in recipes.iter().zip(&servers).filter(|(recipe, _)| recipe.name.starts_with("hello")) {
        let before = server.memory_kib()?;
        let mut answered = 0;
        while answered < MANY_REQUESTS {
            answered += load::run(server.address, CONNECTIONS, SLICE / 2)?.answered;
        }
        println!("{:<28} {:>8.1} MiB -> {:>5.1} MiB", recipe.name, mib(before), mib(server.memory_kib()?));
    }
    drop(servers);

    println!("\nStart of the process to its first answer (median of {STARTS}):\n");
    for recipe in recipes.iter().chain([&host_precompiled(precompiled)]) {
        let starts = (0..STARTS).map(|_| Ok(Server::start(recipe)?.first_answer.as_secs_f64() * 1e3));
        println!("{:<28} {:>8.1} ms", recipe.name, median(starts.collect::<io::Result<Vec<f64>>>()?.into_iter()));
    }

    println!("\nSizes:\n");
    for file in ["hello-native", "hello-host", "hello-wasi-0.2.wasm", "hello-wasi-0.3.wasm"] {
        let bytes = fs::metadata(Path::new("dist").join(file))?.len();
        println!("{file:<28} {:>8.2} MiB", count(bytes) / count(1 << 20));
    }
    Ok(())
}

const NATIVE: &str = "hello-native";

/// Our servers, and the peers: hyper alone, and wasmtime's own server where it is on PATH.
fn recipes() -> Vec<Recipe> {
    let mut recipes = vec![
        ours(NATIVE, "hello-native", None),
        ours("hello-host, WASI 0.3", "hello-host", Some("hello-wasi-0.3.wasm")),
        ours("hello-host, WASI 0.2", "hello-host", Some("hello-wasi-0.2.wasm")),
        Recipe { name: "bare hyper", command: Box::new(bare_hyper) },
    ];
    if Command::new("wasmtime").arg("--version").output().is_ok() {
        let command = |address: SocketAddr| {
            let mut command = Command::new("wasmtime");
            command.args(["serve", "-S", "cli", "--addr", &address.to_string(), "dist/hello-wasi-0.3.wasm"]);
            command
        };
        recipes.push(Recipe { name: "wasmtime serve, WASI 0.3", command: Box::new(command) });
    } else {
        eprintln!("wasmtime is not on PATH and is left out; cargo install wasmtime-cli installs it");
    }
    recipes
}

fn ours(name: &'static str, program: &'static str, component: Option<&'static str>) -> Recipe {
    let command = move |address: SocketAddr| {
        let mut command = Command::new(Path::new("dist").join(program));
        if let Some(component) = component {
            command.arg("serve").arg(Path::new("dist").join(component));
        }
        command.args(["--listen", &address.to_string(), "--admin-listen", "127.0.0.1:0"]);
        command
    };
    Recipe { name, command: Box::new(command) }
}

fn host_precompiled(component: PathBuf) -> Recipe {
    let command = move |address: SocketAddr| {
        let mut command = Command::new("dist/hello-host");
        command.arg("serve").arg(&component).args(["--precompiled", "--admin-listen", "127.0.0.1:0"]);
        command.args(["--listen", &address.to_string()]);
        command
    };
    Recipe { name: "hello-host, precompiled 0.3", command: Box::new(command) }
}

/// It stands beside this program.
fn bare_hyper(address: SocketAddr) -> Command {
    let folder = env::current_exe().ok().and_then(|path| path.parent().map(Path::to_owned)).unwrap_or_default();
    let mut command = Command::new(folder.join("bare-hyper"));
    command.arg(address.to_string());
    command
}

fn per_second(slice: Slice) -> f64 {
    count(slice.answered) / slice.elapsed.as_secs_f64()
}

fn mib(kib: u64) -> f64 {
    count(kib) / 1024.0
}

#[allow(clippy::cast_precision_loss)]
fn count(number: u64) -> f64 {
    number as f64
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
