//! Helm, in the folder of the project.

use std::{fs, process::Command};

use tests::{Exit, run_to_exit, workspace};

pub(crate) fn helm(arguments: &[&str], values: &str) -> Exit {
    let mut command = Command::new("helm");
    command.current_dir(workspace()).args(arguments).args(["--set", values]);
    run_to_exit(command)
}

/// The same with values as YAML.
pub(crate) fn helm_with(arguments: &[&str], yaml: &str) -> Exit {
    let values = tempfile::NamedTempFile::new().expect("a file");
    fs::write(&values, yaml).expect("written");
    let mut command = Command::new("helm");
    command.current_dir(workspace()).args(arguments).arg("--values").arg(values.path());
    run_to_exit(command)
}
