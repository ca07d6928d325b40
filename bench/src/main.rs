//! What a request, a start and an idle process cost, natively and as WebAssembly, against peers.
//!
//! `bench quick` gives the ratios of ours in under a minute; `bench full PEERS` measures everything that docs/BENCHMARKS.md says,
//! and writes it there. The ratios are what counts; the absolute figures are the machine's.

mod compare;
mod full;
mod load;
mod placement;
mod quick;
mod quota;
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
