//! The handler that computes, in the server of `hello-native`.

use std::{convert::Infallible, future::ready, process::ExitCode};

use axum::Router;
use clap::Parser;
use hello_server::{About, Config, Service, Threads};

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
    let about =
        About { program: "work-native", version: "", commit: "", threads: Threads::Shared, settings_of_others: &[] };
    let handler = Router::new().fallback(async || bench_work::work());
    let service = Service { runtime: "native", component: None, handler, finished: Box::pin(ready(())) };
    hello_server::run(cli.server, &about, async { Ok::<_, Infallible>(service) })
}
