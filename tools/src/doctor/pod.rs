//! A pod that is not ready: what Kubernetes, containerd and the program reported of it.

use super::{
    fixes::Fixes,
    kubectl::{condition, fields, read, read_each, run},
    report::Report,
    symptoms::Symptom,
};

/// Reports why a pod is not ready.
pub(crate) fn examine(report: &Report, name: &str, fixes: &Fixes) {
    let namespace = fixes.namespace.as_str();
    let waiting = "{.status.containerStatuses[*].state.waiting";
    let terminated = "{.status.containerStatuses[*].lastState.terminated";
    let path = format!(
        "{waiting}.reason}}|{terminated}.exitCode}}|{terminated}.reason}}|\
         {{.spec.containers[0].image}}|{{.spec.nodeName}}|{}{waiting}.message}} {terminated}.message}}",
        condition("PodScheduled", "message")
    );
    let status = read(&path, &["pod", name, "--namespace", namespace]).text.replace('\n', " ");
    let [waiting, exit_code, termination, image, node, details] = fields(&status);
    let mut message = details.to_owned();
    if waiting.is_empty() || waiting == "ContainerCreating" {
        message += last_warning(name, namespace).lines().last().unwrap_or_default();
    }
    if !exit_code.is_empty() {
        let log = last_log_line(name, namespace);
        message = format!("{termination}, exit code {exit_code}: {log} {message}");
    }
    if !waiting.is_empty() {
        message = format!("{waiting}: {message}");
    }
    if message.trim().is_empty() {
        "it runs, and is not ready yet".clone_into(&mut message);
    }
    Symptom { message: &message, image, node }.report(report, &format!("pod {name}"), fixes);
}

fn last_warning(name: &str, namespace: &str) -> String {
    let of_this_pod = format!("involvedObject.name={name},type=Warning");
    read_each("{.message}", &["events", "--namespace", namespace, "--field-selector", &of_this_pod]).text
}

/// Returns the last line of the container that ended, or of the one that runs, if the log of the former is deleted.
fn last_log_line(name: &str, namespace: &str) -> String {
    let log = run(&["logs", name, "--namespace", namespace, "--previous", "--tail=1"]).text;
    if !log.starts_with("unable to retrieve") {
        return log;
    }
    run(&["logs", name, "--namespace", namespace, "--tail=1"]).text
}
