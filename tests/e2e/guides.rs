//! The commands of the guides, run as they stand there.

use std::{path::Path, process::Command};

use tests::{blocks, run_to_exit};

use crate::cluster::on_the_node;

/// The first block in a language under a heading of a guide.
pub(crate) fn block(guide: &str, heading: &str, language: &str) -> String {
    let found = blocks(guide, language).into_iter().find(|block| block.heading.starts_with(heading));
    let found = found.unwrap_or_else(|| panic!("{guide} has no block of {language} under {heading}"));
    found.text.trim_end().to_owned()
}

/// Runs the commands under a heading, which must succeed, in a clone of the repository; gives what they print.
#[allow(clippy::must_use_candidate)]
pub(crate) fn follow(clone: &Path, guide: &str, heading: &str) -> String {
    follow_but(clone, guide, heading, &[])
}

/// The same without the lines that begin so.
#[allow(clippy::must_use_candidate)]
pub(crate) fn follow_but(clone: &Path, guide: &str, heading: &str, without: &[&str]) -> String {
    let block = block(guide, heading, "sh");
    let is_wanted = |line: &&str| !without.iter().any(|start| line.starts_with(start));
    let block: Vec<_> = block.lines().filter(is_wanted).collect();
    let mut shell = Command::new("bash");
    // The cluster is there, takes images in its own way, and has an address.
    let minikube = format!("minikube() {{ if [ $1 = ip ]; then echo {}; fi; }}", on_the_node(0).ip());
    shell.current_dir(clone).args(["-euo", "pipefail", "-c", &format!("{minikube}\n{}", block.join("\n"))]);
    let exit = run_to_exit(shell);
    assert!(exit.succeeded(), "{guide}, {heading}: {}", exit.output());
    exit.stdout
}
