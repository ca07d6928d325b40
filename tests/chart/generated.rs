//! Files that are generated from the chart, and values that are deployed from Git.

use std::{fs, process::Command};

use libtest_mimic::Failed;
use tests::{run_to_exit, workspace};

use crate::{helm::helm, rendered::RENDERED};

/// Files of values that are deployed from Git.
pub(crate) const VALUES_IN_GIT: [&str; 3] =
    ["argocd/application/values.yaml", "canary/releases/stable.yaml", "canary/releases/canary.yaml"];

pub(crate) fn accepts(file: &str) -> Result<(), Failed> {
    let linted = helm(&["lint", "--strict", "chart", "--values", file], "message=Hi");
    Ok(linted.require(linted.succeeded())?)
}

/// The project allows each kind that any values render.
pub(crate) fn project_allows_all_kinds() -> Result<(), Failed> {
    let project = fs::read_to_string(workspace().join("argocd/project/project.yaml"))?;
    for (values, _) in RENDERED {
        let rendered = helm(&["template", "hello", "chart", "--skip-tests"], values);
        rendered.require(rendered.succeeded())?;
        for object in rendered.stdout.split("\n---\n") {
            let field = |name: &str| object.lines().find_map(|line| line.strip_prefix(name));
            let (Some(version), Some(kind)) = (field("apiVersion: "), field("kind: ")) else { continue };
            let group = version.split_once('/').map_or("\"\"", |(group, _)| group);
            let allowed = format!("    - {{ group: {group}, kind: {kind} }}\n");
            if !project.contains(&allowed) {
                return Err(format!("argocd/project/project.yaml lacks {allowed:?}, which {values} renders").into());
            }
        }
    }
    Ok(())
}

/// manifests/ is rendered by scripts/manifests.sh.
pub(crate) fn manifests_are_current() -> Result<(), Failed> {
    let rendered = tempfile::tempdir()?;
    let mut render = Command::new("scripts/manifests.sh");
    render.current_dir(workspace()).arg(rendered.path());
    let exit = run_to_exit(render);
    exit.require(exit.succeeded())?;
    let mut diff = Command::new("diff");
    diff.current_dir(workspace()).args(["--recursive", "manifests"]).arg(rendered.path());
    let exit = run_to_exit(diff);
    if exit.succeeded() { Ok(()) } else { Err(format!("run `make manifests`: {}", exit.output()).into()) }
}

/// The table of values in the chart's README is generated from the comments in values.yaml.
pub(crate) fn readme_is_current() -> Result<(), Failed> {
    let readme = fs::read_to_string(workspace().join("chart/README.md"))?;
    let copy = tempfile::NamedTempFile::new()?;
    fs::write(&copy, &readme)?;
    let mut write = Command::new("scripts/gen-chart-readme.sh");
    write.current_dir(workspace()).arg(copy.path());
    let exit = run_to_exit(write);
    exit.require(exit.succeeded())?;
    if fs::read_to_string(&copy)? == readme { Ok(()) } else { Err("run `make manifests`".into()) }
}
