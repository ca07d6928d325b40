//! The command `compile`: from a component to a file of compiled code.

use std::{path::PathBuf, process::ExitCode};

use crate::load;

#[derive(clap::Args)]
pub(crate) struct Compile {
    /// The component
    #[arg(value_name = "FILE")]
    component: PathBuf,

    /// File for the compiled code; its digest is written to OUT.sha256
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
}

pub(crate) fn compile(Compile { component, output }: &Compile) -> ExitCode {
    match load::precompile(component, output) {
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
