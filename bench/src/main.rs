//! Benchmarks of a request, a start and an idle process: natively and as WebAssembly, against other servers.
//!
//! `bench quick` prints the ratios of our programs in under a minute. `bench full` measures all figures of docs/BENCHMARKS.md
//! and writes them there. Its argument is the folder of bench/peers/install.sh. Compare ratios: absolute figures depend on the machine.

mod compare;
mod cpu_pinning;
mod cpu_quota;
mod full;
mod load;
mod quick;
mod report;
mod server;
mod servers;

use std::{env, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["quick"] => quick::measure(),
        ["full", peers] => full::measure(Path::new(peers)),
        _ => {
            eprintln!("usage: bench quick | bench full PEERS");
            return ExitCode::from(64);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
