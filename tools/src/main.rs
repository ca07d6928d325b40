//! Commands for scripts and the Makefile. scripts/tools.sh builds this program and starts it.

mod doctor;

use std::{
    env, fs,
    io::{self, Read},
    path::Path,
    process::ExitCode,
};

use tools::markdown;

const USAGE: &str = "usage: tools COMMAND ARGUMENT...
  doctor NAMESPACE                    examine the cluster, and the deployment in a namespace
  shell-block DOCUMENT HEADING        print the first block of shell commands below a heading
  update-doc-block DOCUMENT COMMAND   replace the block that COMMAND generates with standard input";

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["doctor", namespace] => {
            doctor::examine(namespace);
            Ok(())
        }
        ["shell-block", document, heading] => print_shell_block(document, heading),
        ["update-doc-block", document, command] => update_doc_block(document, command),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(64);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn print_shell_block(document: &str, heading: &str) -> io::Result<()> {
    let block = markdown::shell_block(&fs::read_to_string(document)?, heading);
    print!(
        "{}",
        block.ok_or_else(|| io::Error::other(format!(
            "{document} has no block of shell commands below \"{heading}\""
        )))?
    );
    Ok(())
}

fn update_doc_block(document: &str, command: &str) -> io::Result<()> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    markdown::update_file(Path::new(document), command, &text)
}
