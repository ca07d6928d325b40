//! The handler that computes, in the server of `hello-native`.

use std::{convert::Infallible, future::ready, process::ExitCode};

use axum::Router;
use clap::Parser;
use hello_server::{Config, ProgramInfo, Scheduling, Workload};

#[global_allocator]
static ALLOCATOR: hello_server::Allocator = hello_server::Allocator;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    server: Config,
}

fn main() -> ExitCode {
    let cli: Cli = match hello_server::parse(&[]) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let info = ProgramInfo {
        name: "work-native",
        version: "",
        commit: "",
        scheduling: Scheduling::WorkStealing,
        settings_of_others: &[],
    };
    let handler = Router::new().fallback(async || bench_work::work());
    let workload = Workload { runtime: "native", component: None, handler, idle: Box::pin(ready(())) };
    hello_server::run(cli.server, &info, async { Ok::<_, Infallible>(workload) })
}
