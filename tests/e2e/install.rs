//! README.md's way to the first answer in a cluster, by its commands, and what else `helm install` does.

use std::{process::Command, time::Instant};

use serde_json::Value;
use tests::{run_to_exit, workspace};

use crate::{
    argocd::{Repository, wait_until_synced_and_healthy},
    cluster::{
        NODE_PORT, Namespace, commit, get, load_image, node_port, remove_namespace, try_kubectl, wait_for,
        wait_for_runtime, wait_until,
    },
    guides::follow,
    measures::measure,
};

const GUIDE: &str = "README.md";

/// Each section after the one before, on the same cluster, by its commands.
pub(crate) fn from_top_to_bottom() {
    let repository = Repository::new();
    let _removed = repository.removed_at_the_end("argocd/application");
    remove_namespace("hello");
    responds("native", "native", &follow(&workspace(), GUIDE, "As a native binary"));
    responds("wasm", "wasi-0.3", &follow(&workspace(), GUIDE, "As WebAssembly"));
    upgrades("wasi-0.3");

    follow(&workspace(), GUIDE, "Both, side by side");
    for (namespace, responding) in [("hello-native", "native"), ("hello-wasm", "wasi-0.3")] {
        wait_for_runtime(node_port(namespace), responding);
    }

    // Nothing is changed here; the tag is this build's anyway.
    let printed = follow(&workspace(), GUIDE, "Change the code and deploy it again");
    let command = printed.lines().map(str::trim).rfind(|line| line.starts_with("helm upgrade")).expect("a command");
    let tag = command.rsplit("image.tag=").next().expect("a tag");
    load_image(&format!("hello-native:{tag}"));
    let mut shell = Command::new("bash");
    shell.current_dir(workspace()).args(["-ec", command]);
    let upgraded = run_to_exit(shell);
    assert!(upgraded.succeeded(), "{command}: {}", upgraded.output());
    wait_until("the pods are of that tag", || {
        let image = get("hello", "pods")["items"][0]["spec"]["containers"][0]["image"].take();
        image == format!("hello-native:{tag}").as_str()
    });
    wait_for_runtime(NODE_PORT, "native");

    follow(&workspace(), GUIDE, "Without Helm");
    wait_for_runtime(NODE_PORT, "wasi-0.3");

    // Argo CD is there, and takes the repository from where it is.
    repository.follow_but(GUIDE, "From Git", &["kubectl create namespace argocd", "kubectl apply --namespace argocd"]);
    wait_until_synced_and_healthy("hello", &repository);
    follow(&workspace(), GUIDE, "Remove it");
    assert!(["hello", "hello-native", "hello-wasm"].iter().all(|name| get("", &format!("namespace/{name}")).is_null()));
}

/// What a section prints last is a response.
fn responds(runtime: &str, responding: &str, printed: &str) {
    let response: Value = serde_json::from_str(printed.lines().last().expect("a response")).expect("JSON");
    assert_eq!(response["runtime"], responding);
    let info = wait_for_runtime(NODE_PORT, responding);
    assert_eq!(info["commit"], commit());
    let notes = helm("status");
    assert!(notes.contains("http://NODE:30007/") && notes.contains("minikube service hello"), "{notes}");
    helm("test");
    let memory = wait_for("the pod's memory", || {
        let metrics = get("hello", "pods.metrics.k8s.io");
        let container = metrics["items"].as_array()?.first()?["containers"].as_array()?.first()?;
        Some(container["usage"]["memory"].as_str()?.to_owned())
    });
    measure(format!("{runtime}: memory of the pod, idle"), mebibytes(&memory));
}

fn helm(verb: &str) -> String {
    let mut helm = Command::new("helm");
    helm.args([verb, "hello", "--namespace", "hello"]);
    let exit = run_to_exit(helm);
    assert!(exit.succeeded(), "helm {verb}: {}", exit.output());
    exit.stdout
}

fn upgrades(responding: &str) {
    let upgraded = Instant::now();
    let mut helm = Command::new("helm");
    helm.current_dir(workspace()).args(["upgrade", "hello", "chart", "--namespace", "hello"]);
    helm.args(["--reset-then-reuse-values", "--set", "message=Good morning"]);
    let exit = run_to_exit(helm);
    assert!(exit.succeeded(), "{}", exit.output());
    wait_until("another message", || wait_for_runtime(NODE_PORT, responding)["message"] == "Good morning");
    measure(
        format!("{responding}: helm upgrade to first response"),
        format!("{:.1} s", upgraded.elapsed().as_secs_f64()),
    );
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
