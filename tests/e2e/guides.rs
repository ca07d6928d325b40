//! The commands of the guides, run without changes.

use std::{path::Path, process::Command};

use tests::{code_blocks, run_to_exit};

use crate::cluster::on_the_node;

/// Returns the first code block in a language below a heading of a guide.
pub(crate) fn block(guide: &str, heading: &str, language: &str) -> String {
    let found = code_blocks(guide, language).into_iter().find(|block| block.heading.starts_with(heading));
    let found = found.unwrap_or_else(|| panic!("{guide} has no {language} block below {heading}"));
    found.text.trim_end().to_owned()
}

/// Runs the commands below a heading in a clone of the repository. They must succeed. Returns their standard output.
#[allow(clippy::must_use_candidate)]
pub(crate) fn follow(clone: &Path, guide: &str, heading: &str) -> String {
    follow_except(clone, guide, heading, &[])
}

/// Runs the commands below a heading, except for lines with these prefixes.
#[allow(clippy::must_use_candidate)]
pub(crate) fn follow_except(clone: &Path, guide: &str, heading: &str, prefixes: &[&str]) -> String {
    let block = block(guide, heading, "sh");
    let is_kept = |line: &&str| !prefixes.iter().any(|prefix| line.starts_with(prefix));
    let block: Vec<_> = block.lines().filter(is_kept).collect();
    let mut shell = Command::new("bash");
    // The cluster runs already and loads images in its own way; only its address is used.
    let minikube = format!("minikube() {{ if [ $1 = ip ]; then echo {}; fi; }}", on_the_node(0).ip());
    shell.current_dir(clone).args(["-euo", "pipefail", "-c", &format!("{minikube}\n{}", block.join("\n"))]);
    let exit = run_to_exit(shell);
    assert!(exit.succeeded(), "{guide}, {heading}: {}", exit.output());
    exit.stdout
}
