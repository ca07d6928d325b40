//! The deployment: its pods, its autoscaler, and the tool that manages it.

use super::{
    fixes::{Fixes, executor},
    kubectl::{condition, fields, read, read_each, run},
    operators::{has_executor, has_metrics},
    pod,
    report::Report,
    symptoms::Symptom,
};

/// Selects the objects of hello.
const SELECTOR: &str = "app.kubernetes.io/name=hello";

/// Examines the deployment in the namespace of the fixes.
pub(crate) fn examine(report: &Report, fixes: &Fixes) {
    let namespace = fixes.namespace.as_str();
    let selected = ["--namespace", namespace, "--selector", SELECTOR];
    let apps = read("{.items[*].metadata.name}", &[&["spinapps"], &selected[..]].concat()).text;
    let deployments = run(&[&["get", "deployments"], &selected[..], &["--output", "name"]].concat()).text;
    if apps.is_empty() && deployments.is_empty() {
        report.optional("hello", &format!("is not deployed in namespace {namespace}"));
    } else {
        examine_apps(report, fixes, &apps);
        examine_replicas(report, fixes);
        examine_pods(report, fixes);
        examine_autoscalers(report, fixes);
    }
    examine_owner(report, namespace);
}

/// Reports Spin applications of which the operator has made no Deployment.
fn examine_apps(report: &Report, fixes: &Fixes, apps: &str) {
    let namespace = fixes.namespace.as_str();
    for name in apps.split_whitespace() {
        if !read("{.metadata.name}", &["deployment", name, "--namespace", namespace]).text.is_empty() {
            continue;
        }
        let reason = if has_executor(namespace) {
            "as the Spin operator does not run: https://www.spinkube.dev/docs/install has the commands".to_owned()
        } else {
            format!("as namespace {namespace} has no SpinAppExecutor {}: {}", executor(), fixes.install_executor)
        };
        report.bad(&format!("SpinApp {name}"), &format!("no Deployment is made of it, {reason}"));
    }
}

/// Reports Deployments that cannot create pods: all of the namespace, as those of the Spin operator have other labels.
fn examine_replicas(report: &Report, fixes: &Fixes) {
    let path = format!("{{.metadata.name}}|{}", condition("ReplicaFailure", "message"));
    let deployments = read_each(&path, &["deployments", "--namespace", &fixes.namespace]).text;
    for [name, message] in deployments.lines().map(fields) {
        if !message.is_empty() {
            Symptom { message, image: "", node: "" }.report(report, &format!("deployment {name}"), fixes);
        }
    }
}

fn examine_pods(report: &Report, fixes: &Fixes) {
    let path = format!("{{.metadata.name}}|{}|{{.metadata.deletionTimestamp}}", condition("Ready", "status"));
    let not_completed = "status.phase!=Succeeded";
    let pods = read_each(
        &path,
        &["pods", "--namespace", &fixes.namespace, "--selector", SELECTOR, "--field-selector", not_completed],
    )
    .text;
    let mut ready = String::new();
    for [name, is_ready, deleted] in pods.lines().map(fields) {
        match (is_ready, deleted) {
            ("True", "") => ready = format!("{ready} {name}"),
            (_, "") => pod::examine(report, name, fixes),
            _ => {}
        }
    }
    if !ready.is_empty() {
        report.ok("pods", &format!("ready:{ready}"));
    }
}

fn examine_autoscalers(report: &Report, fixes: &Fixes) {
    let active = |field| condition("ScalingActive", field);
    let path = format!("{{.metadata.name}}|{}|{}", active("status"), active("message"));
    let autoscalers = read_each(&path, &["hpa", "--namespace", &fixes.namespace, "--selector", SELECTOR]).text;
    for [name, is_active, message] in autoscalers.lines().map(fields) {
        if is_active.is_empty() || is_active == "True" {
            continue;
        }
        let reason = if has_metrics() {
            "has no metrics yet; they are there a minute after a pod is ready".to_owned()
        } else {
            format!("has no metrics, as there is no metrics-server: {}", fixes.install_metrics)
        };
        report.bad(&format!("autoscaler {name}"), &reason);
        report.quote(message);
    }
}

/// Reports objects that `kubectl apply` and Helm both manage, or that Helm cannot manage.
fn examine_owner(report: &Report, namespace: &str) {
    let path = r"{.metadata.name}|{.metadata.annotations.meta\.helm\.sh/release-name}|{.metadata.annotations.argocd\.argoproj\.io/tracking-id}|{.metadata.annotations.kubectl\.kubernetes\.io/last-applied-configuration}";
    let deployments = read_each(path, &["deployments", "--namespace", namespace, "--selector", SELECTOR]).text;
    for [name, release, tracking_id, applied] in deployments.lines().map(fields) {
        let subject = format!("deployment {name}");
        if applied.is_empty() || !tracking_id.is_empty() {
            continue;
        }
        if release.is_empty() {
            let fix = "first, kubectl delete -k manifests/native, or the folder that was applied";
            report.optional(
                &subject,
                &format!("kubectl apply made these objects, so that helm install rejects them: {fix}"),
            );
        } else {
            let fix = "once, helm upgrade with --force-conflicts";
            report.bad(
                &subject,
                &format!(
                    "kubectl apply changed objects of a Helm release, so that helm upgrade reports conflicts: {fix}"
                ),
            );
        }
    }
}
