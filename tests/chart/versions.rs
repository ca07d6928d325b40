//! Older versions of Helm that are in use, by tests/infra/node-tools.sh. Those that are missing are left out, and it is said.

use std::process::Command;

use libtest_mimic::Failed;
use tests::{CHART_ALL, is_missing, run_to_exit, workspace};

/// Helm 4.3 is the one that all other tests take.
const OLD: [&str; 2] = ["helm-3.17", "helm-4.1"];

/// The objects, in an order of their own, as versions differ in that.
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

pub(crate) fn render_the_same() -> Result<(), Failed> {
    for old in OLD.into_iter().filter(|old| !is_missing(old)) {
        for values in ["runtime=native", "runtime=wasm", "runtime=spin", "runtime=spin,spin.operator=true", CHART_ALL] {
            if objects(old, values)? != objects("helm", values)? {
                return Err(format!("{old} renders {values} otherwise than helm does").into());
            }
        }
        // The sentence for a value that is null comes before templates fail that lack it.
        let mut command = Command::new(old);
        command.current_dir(workspace()).args(["template", "hello", "chart", "--set", "service=null"]);
        let exit = run_to_exit(command);
        exit.require(!exit.succeeded() && exit.output().contains("service is null; leave it out"))?;
    }
    Ok(())
}
