//! Helm in the root of the project.

use std::{fs, process::Command};

use tests::{Exit, run_to_exit, workspace};

/// Runs Helm with values as `--set` has them.
pub(crate) fn helm(arguments: &[&str], values: &str) -> Exit {
    let mut command = Command::new("helm");
    command.current_dir(workspace()).args(arguments).args(["--set", values]);
    run_to_exit(command)
}

/// Runs Helm with values as YAML.
pub(crate) fn helm_with(arguments: &[&str], yaml: &str) -> Exit {
    let values = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(&values, yaml).expect("the file is written");
    let mut command = Command::new("helm");
    command.current_dir(workspace()).args(arguments).arg("--values").arg(values.path());
    run_to_exit(command)
}
