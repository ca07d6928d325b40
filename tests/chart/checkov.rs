//! checkov on the manifests that the chart renders.

use std::{fs, io, path::Path, process::Command};

use libtest_mimic::Failed;
use tempfile::TempDir;
use tests::{CHART_ALL, run_to_exit, workspace};

use crate::helm::helm;

/// Sets of values that checkov must pass, each alone and with all features.
const CHECKED: [&str; 5] = [
    "runtime=native",
    "runtime=native,serviceMonitor.enabled=true,prometheusRule.enabled=true",
    "runtime=wasm,podMonitor.enabled=true",
    "runtime=wasm",
    "runtime=spin",
];

/// Checks that do not apply to the pod of `helm test`: probes and a network policy, as the pod sends one request and ends; and the
/// exceptions in `.checkov.yaml`.
const EXCEPTIONS_OF_HELM_TEST: &str = "CKV_K8S_8,CKV_K8S_9,CKV2_K8S_6,CKV_K8S_11,CKV_K8S_15,CKV_K8S_43";

fn checkov(folder: &Path, arguments: &[&str]) -> Result<(), Failed> {
    let mut command = Command::new("checkov");
    command
        .current_dir(workspace())
        .args(["--config-file", ".checkov.yaml"])
        .args(arguments)
        .arg("--directory")
        .arg(folder);
    let exit = run_to_exit(command);
    // Without input it reports no number.
    Ok(exit.require(exit.succeeded() && exit.output().contains("Failed checks: 0"))?)
}

/// Creates a folder whose name does not start with a dot, as checkov ignores hidden ones.
fn visible_folder() -> io::Result<TempDir> {
    tempfile::Builder::new().prefix("chart").tempdir()
}

pub(crate) fn passes_the_chart() -> Result<(), Failed> {
    let folder = visible_folder()?;
    let sets =
        CHECKED.iter().flat_map(|values| [(*values).to_owned(), format!("{values},{CHART_ALL},test.argoCD=false")]);
    for (index, values) in sets.enumerate() {
        let rendered = helm(&["template", "hello", "chart", "--namespace", "hello", "--skip-tests"], &values);
        rendered.require(rendered.succeeded())?;
        fs::write(folder.path().join(format!("{index}.yaml")), rendered.stdout)?;
    }
    checkov(folder.path(), &[])
}

pub(crate) fn passes_helm_test() -> Result<(), Failed> {
    let folder = visible_folder()?;
    for template in ["tests/test-connection.yaml", "smoke.yaml"] {
        let path = format!("templates/{template}");
        let arguments = ["template", "hello", "chart", "--namespace", "hello", "--show-only", &path];
        let rendered = helm(&arguments, "test.argoCD=true");
        rendered.require(rendered.succeeded())?;
        fs::write(folder.path().join(template.replace('/', "-")), rendered.stdout)?;
    }
    checkov(folder.path(), &["--skip-check", EXCEPTIONS_OF_HELM_TEST])
}

pub(crate) fn passes_manifests() -> Result<(), Failed> {
    checkov(&workspace().join("manifests"), &["--directory", "canary"])
}
