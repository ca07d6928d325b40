//! The WebAssembly host: `hello-server` with a WASI HTTP component as its handler.
//!
//! `load` turns a file into a component. `guest` has the pool of its instances, and what an instance may use. `handler` passes each
//! request of `hello-server` to an instance, and the instance's response back.

// A program without the server only compiles, and needs a part of these modules.
#![cfg_attr(not(feature = "server"), allow(dead_code))]

mod build_info;
mod compile;
mod error_line;
#[cfg(feature = "server")]
mod failure;
#[cfg(feature = "server")]
mod guest;
#[cfg(feature = "server")]
mod handler;
mod load;
#[cfg(feature = "server")]
mod metrics;
#[cfg(feature = "server")]
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Serves a WASI HTTP component, of WASI 0.2 or 0.3.
#[derive(Parser)]
#[command(name = "hello-host", version = build_info::VERSION)]
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
    Compile(compile::Compile),
}

fn main() -> ExitCode {
    #[cfg(feature = "server")]
    let parsed = hello_server::parse::<Cli>(&[]);
    #[cfg(not(feature = "server"))]
    let parsed = Ok::<_, ExitCode>(Cli::parse());
    match parsed {
        #[cfg(feature = "server")]
        Ok(Cli { command: Command::Serve(command) }) => serve::serve(*command),
        Ok(Cli { command: Command::Compile(command) }) => compile::compile(&command),
        Err(code) => code,
    }
}
