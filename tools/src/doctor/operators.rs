//! Software in the cluster that some features need: the Spin shim and operator, Prometheus, Argo CD, metrics-server.

use super::{
    cluster::Cluster,
    fixes::{Fixes, INSTALL_SHIM, executor, runtime_class},
    kubectl::{Output, condition, read, run},
    report::Report,
};

/// Examines the `RuntimeClass` of the Spin shim, and whether nodes have the shim.
pub(crate) fn examine_runtime_class(cluster: &mut Cluster, report: &Report, fixes: &Fixes) {
    let class = runtime_class();
    let object = read("{.handler}", &["runtimeclass", class]);
    let handler = &object.text;
    if handler.is_empty() && object.is_forbidden() {
        report.invisible("RuntimeClass");
        return;
    }
    let handlers = read("{.items[*].status.runtimeHandlers[*].name}", &["nodes"]).text;
    let has_handler = handlers.split(' ').any(|name| name == handler);
    if handler.is_empty() {
        report.optional(
            "RuntimeClass",
            &format!("{class} is not there, which runtime=spin needs: {}", fixes.install_spin()),
        );
        cluster.lacks_for_spin(&format!("RuntimeClass {class}"));
    } else if handlers.is_empty() {
        report.ok(
            "RuntimeClass",
            &format!("{class}, handler {handler}; its nodes do not report whether they have the shim"),
        );
    } else if has_handler {
        report.ok("RuntimeClass", &format!("{class}, handler {handler}, which nodes have"));
    } else {
        report.bad("RuntimeClass", &format!("{class} has the handler {handler}, which no node has: {INSTALL_SHIM}"));
        cluster.lacks_for_spin("the Spin shim on a node");
    }
}

/// Examines operators, by the resources that they define.
pub(crate) fn examine_operators(report: &Report, fixes: &Fixes) {
    let resources = run(&["get", "crd", "--output", "name"]);
    if resources.is_forbidden() {
        report.invisible("Spin operator");
        report.invisible("Prometheus");
        report.invisible("Argo CD");
    } else {
        examine_spin_operator(report, fixes, &resources);
    }
    if resources.text.is_empty() {
        return;
    }
    if resources.text.contains("servicemonitors.monitoring.coreos.com") {
        report.ok("Prometheus", "its operator is there");
    } else {
        let without = "its operator is not there, which serviceMonitor needs; a Prometheus without: make monitoring";
        report.optional("Prometheus", without);
    }
    if resources.text.contains("applications.argoproj.io") {
        report.ok("Argo CD", "is there");
    } else {
        report.optional("Argo CD", "is not there; README.md has the commands");
    }
}

fn examine_spin_operator(report: &Report, fixes: &Fixes, resources: &Output) {
    let (subject, namespace, executor) = ("Spin operator", fixes.namespace.as_str(), executor());
    if !resources.text.contains("spinapps.core.spinkube.dev") {
        let install = "https://www.spinkube.dev/docs/install has the commands";
        report.optional(subject, &format!("is not there; only spin.operator=true needs it: {install}"));
    } else if !has_executor(namespace) {
        let missing = format!("has no executor in namespace {namespace}; only spin.operator=true needs it");
        report.optional(subject, &format!("{missing}: {}", fixes.install_executor));
    } else {
        report.ok(subject, &format!("with the executor {executor} in namespace {namespace}"));
    }
}

/// Returns whether a namespace has the `SpinAppExecutor` that the chart names.
pub(crate) fn has_executor(namespace: &str) -> bool {
    !read("{.metadata.name}", &["spinappexecutor", executor(), "--namespace", namespace]).text.is_empty()
}

/// Examines metrics-server, from which the autoscaler reads.
pub(crate) fn examine_metrics_server(report: &Report, fixes: &Fixes) {
    let status = metrics_status();
    if status.text == "True" {
        report.ok("metrics-server", "answers");
    } else if status.is_forbidden() {
        report.invisible("metrics-server");
    } else {
        let install = fixes.install_metrics;
        report.optional("metrics-server", &format!("is not there, which autoscaling needs: {install}"));
    }
}

/// Returns whether metrics-server is available.
pub(crate) fn has_metrics() -> bool {
    metrics_status().text == "True"
}

fn metrics_status() -> Output {
    read(&condition("Available", "status"), &["apiservice", "v1beta1.metrics.k8s.io"])
}
