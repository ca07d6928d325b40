//! The WebAssembly host: `hello-server` around a WASI HTTP component, which stands where the native binary has its handler.
//!
//! A request comes out of `hello-server` into `handler`, which hands it to an instance of the component. What an instance may use
//! is in `guest`, how instances run in `engine`, and how a component is loaded in `loader`.

// A program without the server only compiles, and needs a part of these modules.
#![cfg_attr(not(feature = "server"), allow(dead_code))]

#[cfg(all(feature = "compiler", feature = "server"))]
mod code_cache;
#[cfg(feature = "compiler")]
mod compiler;
#[cfg(not(feature = "compiler"))]
#[path = "no_compiler.rs"]
mod compiler;
mod component;
mod engine;
#[cfg(feature = "server")]
mod guest;
#[cfg(feature = "server")]
mod handler;
#[cfg(feature = "server")]
mod instances;
#[cfg(feature = "server")]
mod loader;
mod machine_code;
#[cfg(feature = "server")]
mod metrics;
#[cfg(feature = "server")]
mod outbound;
#[cfg(feature = "server")]
mod output;
#[cfg(feature = "server")]
mod run;
#[cfg(feature = "server")]
mod serve;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

const VERSION: &str = env!("CARGO_PKG_VERSION");

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
    #[cfg(feature = "server")]
    #[command(after_help = hello_server::TRACES_HELP)]
    Serve(Box<serve::Serve>),
    /// Compile a component ahead of time, for `serve --precompiled`
    Compile(Compile),
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
    #[cfg(feature = "server")]
    let parsed = hello_server::parse::<Cli>(&[]);
    #[cfg(not(feature = "server"))]
    let parsed = Ok::<_, ExitCode>(Cli::parse());
    match parsed {
        #[cfg(feature = "server")]
        Ok(Cli { command: Command::Serve(command) }) => serve::serve(*command),
        Ok(Cli { command: Command::Compile(command) }) => compile(&command),
        Err(code) => code,
    }
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
