//! Older versions of Helm that are in use. tests/infra/node-tools.sh installs them.

use std::process::Command;

use libtest_mimic::Failed;
use tests::{CHART_ALL, run_to_exit, workspace};

/// The other tests use a newer version.
pub(crate) const OLD: [&str; 2] = ["helm-3.17", "helm-4.1"];

/// Returns the rendered objects, sorted, as their order depends on the version.
fn objects(helm: &str, values: &str) -> Result<Vec<String>, Failed> {
    let mut command = Command::new(helm);
    command.current_dir(workspace()).args(["template", "hello", "chart", "--set", values]);
    let exit = run_to_exit(command);
    exit.require(exit.succeeded())?;
    let mut objects: Vec<_> = exit.stdout.split("---\n").map(|object| object.trim().to_owned()).collect();
    objects.sort();
    assert!(objects.len() > 5, "{helm}: {}", exit.output());
    Ok(objects)
}

pub(crate) fn renders_the_same(old: &str) -> Result<(), Failed> {
    for values in ["runtime=native", "runtime=wasm", "runtime=spin", "runtime=spin,spin.operator=true", CHART_ALL] {
        if objects(old, values)? != objects("helm", values)? {
            return Err(format!("{old} and helm render {values} differently").into());
        }
    }
    // The sentence about a value that is null comes before the error of a template that lacks the value.
    let mut command = Command::new(old);
    command.current_dir(workspace()).args(["template", "hello", "chart", "--set", "service=null"]);
    let exit = run_to_exit(command);
    Ok(exit.require(!exit.succeeded() && exit.output().contains("service is null; leave it out"))?)
}
