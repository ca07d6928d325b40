//! The WebAssembly host: `hello-server` around a WASI HTTP component, which stands where the native binary has its handler.
//!
//! A request comes out of `hello-server` into `handler`, which hands it to an instance of the component. What an instance may use
//! is in `guest`, how instances run in `engine`, and how the component came to be in `component`.

#[cfg(feature = "compiler")]
mod compiler;
#[cfg(not(feature = "compiler"))]
#[path = "no_compiler.rs"]
mod compiler;
mod component;
mod engine;
mod guest;
mod handler;
mod instances;
mod machine_code;
mod metrics;
mod outbound;
mod output;
mod run;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use hello_server::{About, Config, Service, Threads};

use crate::guest::GuestConfig;

/// The system's allocator costs a fifth more a request.
#[global_allocator]
static ALLOCATOR: hello_server::Allocator = hello_server::Allocator;

const VERSION: &str = include_str!("../../VERSION").trim_ascii();
const COMMIT: &str = match option_env!("HELLO_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// Serves a WASI HTTP component, of WASI 0.2 or 0.3.
#[derive(Parser)]
#[command(name = "hello-host", version = VERSION)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve a component over HTTP
    #[command(after_help = hello_server::TRACES_HELP)]
    Serve(Box<Serve>),
    /// Compile a component ahead of time, for `serve --precompiled`
    Compile(Compile),
}

#[derive(clap::Args)]
struct Serve {
    /// The component
    #[arg(value_name = "FILE")]
    component: PathBuf,

    /// FILE is machine code made by `hello-host compile`: checked against FILE.sha256, then run as it is. Only for files that
    /// nobody else could have written
    #[arg(long)]
    precompiled: bool,

    #[command(flatten)]
    server: Config,

    #[command(flatten)]
    guest: GuestConfig,
}

#[derive(clap::Args)]
struct Compile {
    /// The component
    #[arg(value_name = "FILE")]
    component: PathBuf,

    /// Where the machine code goes; its digest goes beside it, into OUT.sha256
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
}

fn main() -> ExitCode {
    match hello_server::parse::<Cli>() {
        Ok(Cli { command: Command::Serve(command) }) => serve(*command),
        Ok(Cli { command: Command::Compile(command) }) => compile(&command),
        Err(code) => code,
    }
}

fn serve(Serve { component: file, precompiled, server, guest }: Serve) -> ExitCode {
    let about = About { program: "hello-host", version: VERSION, commit: COMMIT, threads: Threads::Own };
    let shown = file.display().to_string();
    let limits = engine::Limits { instances: guest.max_instances, memory: guest.max_memory_size };
    let request_timeout = server.request_timeout;
    let build = async move {
        // Compiling takes its time; signals and probes are answered meanwhile.
        let loaded = tokio::task::spawn_blocking(move || component::load(&file, precompiled, limits));
        let loaded = loaded.await.map_err(|panic| panic.to_string())??;
        let guest = guest::Guest::new(&loaded, guest)?;
        let runtime = guest.runtime();
        let handler = handler::GuestHandler::start(guest, request_timeout).await?;
        let finished = Box::pin(handler.finished());
        Ok::<_, String>(Service { handler, runtime, component: Some(shown), finished })
    };
    hello_server::run(server, &about, build)
}

fn compile(Compile { component, output }: &Compile) -> ExitCode {
    match component::compile(component, output) {
        Ok(digest) => {
            println!("{digest}  {}", output.display());
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("hello-host: {reason}");
            ExitCode::FAILURE
        }
    }
}
