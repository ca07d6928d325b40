//! What checkov finds in what the chart renders.

use std::{fs, io, path::Path, process::Command};

use libtest_mimic::Failed;
use tempfile::TempDir;
use tests::{CHART_ALL, run_to_exit, workspace};

use crate::helm::helm;

/// Sets of values that checkov finds no fault with, each also with all that can be turned on.
const CHECKED: [&str; 5] = [
    "runtime=native",
    "runtime=native,serviceMonitor.enabled=true,prometheusRule.enabled=true",
    "runtime=wasm,podMonitor.enabled=true",
    "runtime=wasm",
    "runtime=spin",
];

/// What checkov asks for in vain of the pod of `helm test`: probes and a network policy, though it lives for seconds, serves nothing
/// and asks one question; and what `.checkov.yaml` argues.
const EXCEPTIONS_OF_THE_TEST: &str = "CKV_K8S_8,CKV_K8S_9,CKV2_K8S_6,CKV_K8S_11,CKV_K8S_15,CKV_K8S_43";

fn checkov(folder: &Path, arguments: &[&str]) -> Result<(), Failed> {
    let mut command = Command::new("checkov");
    command
        .current_dir(workspace())
        .args(["--config-file", ".checkov.yaml"])
        .args(arguments)
        .arg("--directory")
        .arg(folder);
    let exit = run_to_exit(command);
    // Where it has read nothing, it does not count.
    Ok(exit.require(exit.succeeded() && exit.output().contains("Failed checks: 0"))?)
}

/// checkov reads none whose name begins with a dot, as those of `tempfile` do.
fn unhidden_folder() -> io::Result<TempDir> {
    tempfile::Builder::new().prefix("chart").tempdir()
}

pub(crate) fn finds_nothing() -> Result<(), Failed> {
    let folder = unhidden_folder()?;
    let sets =
        CHECKED.iter().flat_map(|values| [(*values).to_owned(), format!("{values},{CHART_ALL},test.argoCD=false")]);
    for (index, values) in sets.enumerate() {
        let rendered = helm(&["template", "hello", "chart", "--namespace", "hello", "--skip-tests"], &values);
        rendered.require(rendered.succeeded())?;
        fs::write(folder.path().join(format!("{index}.yaml")), rendered.stdout)?;
    }
    checkov(folder.path(), &[])
}

pub(crate) fn finds_nothing_in_the_test() -> Result<(), Failed> {
    let folder = unhidden_folder()?;
    for template in ["tests/test-connection.yaml", "smoke.yaml"] {
        let path = format!("templates/{template}");
        let arguments = ["template", "hello", "chart", "--namespace", "hello", "--show-only", &path];
        let rendered = helm(&arguments, "test.argoCD=true");
        rendered.require(rendered.succeeded())?;
        fs::write(folder.path().join(template.replace('/', "-")), rendered.stdout)?;
    }
    checkov(folder.path(), &["--skip-check", EXCEPTIONS_OF_THE_TEST])
}

pub(crate) fn finds_nothing_in_manifests() -> Result<(), Failed> {
    checkov(&workspace().join("manifests"), &["--directory", "canary"])
}
