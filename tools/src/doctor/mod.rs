//! Examines the cluster of kubectl's context, and the deployment of hello in one of its namespaces. Changes nothing.
//!
//! scripts/doctor.sh examines the machine, then starts this.

mod cluster;
mod deployment;
mod fixes;
mod kubectl;
mod operators;
mod pod;
mod report;
mod settings;
mod symptoms;

use std::env;

use cluster::Cluster;
use fixes::Fixes;
use report::Report;

/// Prints the problems of the cluster and the deployment, and the commands that fix them.
pub(crate) fn examine(namespace: &str) {
    let report = Report::new();
    report.title("The cluster of kubectl");
    let context = kubectl::current_context();
    let fixes = Fixes::new(namespace, context.as_deref().unwrap_or_default());
    let mut cluster = Cluster::new(["helm", "kubectl"].into_iter().filter(|program| !is_on_path(program)));
    match context {
        Ok(context) if context.is_empty() => {
            report.optional(
                "Kubernetes",
                "no kubectl that knows of one: minikube start; on Linux, as root, make cluster",
            );
            cluster.lacks("a cluster");
        }
        Ok(context) => {
            if cluster.examine(&report, &context, &fixes) {
                report.title(&format!("The deployment in namespace {namespace}"));
                deployment::examine(&report, &fixes);
            }
        }
        Err(reason) => {
            report.bad("Kubernetes", &format!("kubectl cannot read its configuration: {reason}"));
            cluster.lacks("a configuration of kubectl");
        }
    }
    report.title("What works in the cluster");
    cluster.summarize(&report, namespace);
}

fn is_on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
