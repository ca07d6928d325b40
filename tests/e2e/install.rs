//! README.md's way to the first answer in a cluster, by its commands, and what else `helm install` does.

use std::time::Instant;

use serde_json::Value;
use tests::workspace;

use crate::{
    cluster::{
        NODE_PORT, Namespace, commit, get, node_port, pods, try_kubectl, wait_for, wait_for_runtime, wait_until,
    },
    guides::follow,
    measures::measure,
};

pub(crate) fn native() {
    installs("native", "native", || follow(&workspace(), "README.md", "As a native binary"));
}

pub(crate) fn wasm() {
    installs("wasm", "wasi-0.3", || follow(&workspace(), "README.md", "As WebAssembly"));
}

fn installs(runtime: &str, answering: &str, follow_readme: impl Fn() -> String) {
    let hello = Namespace::new("hello");
    let printed = follow_readme();
    let answer: Value = serde_json::from_str(printed.lines().last().expect("an answer")).expect("JSON");
    assert_eq!(answer["runtime"], answering);

    let info = wait_for_runtime(NODE_PORT, answering);
    assert_eq!(info["commit"], commit());
    assert_eq!(info["hostname"], pods("hello")[0].as_str());
    let notes = hello.helm("status", &[]);
    assert!(notes.contains("http://NODE:30007/") && notes.contains("minikube service hello"), "{notes}");
    hello.helm("test", &["--timeout", "50s"]);

    let memory = wait_for("the pod's memory", || {
        let metrics = get("hello", "pods.metrics.k8s.io");
        let container = metrics["items"].as_array()?.first()?["containers"].as_array()?.first()?;
        Some(container["usage"]["memory"].as_str()?.to_owned())
    });
    measure(format!("{runtime}: memory of the pod, idle"), mebibytes(&memory));

    let upgraded = Instant::now();
    hello.helm("upgrade", &["chart", "--reset-then-reuse-values", "--set", "message=Good morning"]);
    wait_until("another message", || wait_for_runtime(NODE_PORT, answering)["message"] == "Good morning");
    measure(format!("{runtime}: helm upgrade to first answer"), format!("{:.1} s", upgraded.elapsed().as_secs_f64()));
}

pub(crate) fn side_by_side() {
    let _namespaces = ["hello-native", "hello-wasm"].map(Namespace::new);
    follow(&workspace(), "README.md", "Both, side by side");
    for (namespace, answering) in [("hello-native", "native"), ("hello-wasm", "wasi-0.3")] {
        wait_for_runtime(node_port(namespace), answering);
    }
}

/// Kubernetes writes `12345Ki`.
fn mebibytes(quantity: &str) -> String {
    let kibibytes = quantity.strip_suffix("Ki").and_then(|number| number.parse::<f64>().ok());
    kibibytes.map_or_else(|| quantity.to_owned(), |number| format!("{:.1} MiB", number / 1024.0))
}

/// What else is refused, and with which words, is tested without a cluster.
pub(crate) fn what_cannot_work_is_refused() {
    let hello = Namespace::new("hello");
    for (values, sentence) in [
        ("runtime=jvm", "must be one of 'native', 'wasm', 'spin'"),
        ("replicas=3", "additional properties 'replicas' not allowed"),
        ("runtime=native,spin.operator=true", "set runtime to spin, or spin.operator to false"),
    ] {
        let refused = hello.try_helm("install", &["chart", "--set", values]);
        assert!(!refused.succeeded(), "{values} was accepted");
        assert!(refused.output().contains(sentence), "{values}: {}", refused.output());
        assert!(!hello.try_helm("status", &[]).succeeded(), "there is a release");
    }
}

/// That every case's pods are admitted says nothing unless others are not.
pub(crate) fn the_namespace_is_restricted() {
    let _hello = Namespace::new("hello");
    let root = try_kubectl(&["run", "root", "--image=localhost/pause:1", "--namespace", "hello"]);
    assert!(!root.succeeded() && root.output().contains(r#"violates PodSecurity "restricted"#), "{}", root.output());
}
