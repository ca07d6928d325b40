//! The chart as a dependency of another chart.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use libtest_mimic::Failed;
use tests::{Exit, run_to_exit, workspace};

/// Copies the chart into a folder, under a name.
pub(crate) fn copy_chart(folder: &Path, name: &str) -> io::Result<PathBuf> {
    let copy = folder.join(name);
    let mut copying = Command::new("cp");
    copying.arg("-r").arg(workspace().join("chart")).arg(&copy);
    let exit = run_to_exit(copying);
    if exit.succeeded() { Ok(copy) } else { Err(io::Error::other(exit.output())) }
}

fn render(name: &str, dependencies: &str, values: &str) -> Result<Exit, Failed> {
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("charts"))?;
    copy_chart(&folder.path().join("charts"), "hello")?;
    fs::write(
        folder.path().join("Chart.yaml"),
        format!("apiVersion: v2\nname: umbrella\nversion: 1.0.0\n{dependencies}"),
    )?;
    fs::write(folder.path().join("values.yaml"), values)?;
    let mut command = Command::new("helm");
    command.args(["template", name]).arg(folder.path());
    Ok(run_to_exit(command))
}

pub(crate) fn works_as_a_dependency() -> Result<(), Failed> {
    let conditional = "dependencies: [{name: hello, version: 0.1.0, condition: hello.enabled}]\n";
    for (values, is_rendered) in
        [("hello: {enabled: true}", true), ("hello: {enabled: false}", false), ("global: {a: b}", true)]
    {
        let exit = render("umbrella", conditional, values)?;
        exit.require(exit.succeeded() && exit.stdout.contains("kind: Deployment") == is_rendered)?;
    }
    let twice =
        "dependencies: [{name: hello, version: 0.1.0, alias: front}, {name: hello, version: 0.1.0, alias: back}]\n";
    for any in ["0", "\"\""] {
        let values =
            format!("front: {{service: {{nodePort: {any}}}}}\nback: {{runtime: wasm, service: {{nodePort: {any}}}}}\n");
        let exit = render("umbrella", twice, &values)?;
        exit.require(
            exit.succeeded()
                && exit.stdout.contains("name: \"umbrella-front\"")
                && exit.stdout.contains("name: \"umbrella-back\"")
                && !exit.stdout.contains("nodePort:"),
        )?;
    }
    // With the longest name of a release, the two names still differ.
    let exit = render(&"r".repeat(53), twice, "front: {service: {nodePort: 0}}\nback: {service: {nodePort: 0}}\n")?;
    exit.require(exit.succeeded())?;
    let objects = exit.stdout.split("\n---\n").filter_map(|object| object.split_once("kind: Deployment\n"));
    let names: Vec<_> = objects.filter_map(|(_, rest)| rest.lines().nth(1)).collect();
    assert!(names.len() == 2 && names[0] != names[1], "{names:?}");
    Ok(())
}
