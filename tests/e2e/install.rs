//! The README's way to the first response in a cluster, by its commands, and `helm install`.

use std::{process::Command, time::Instant};

use serde_json::Value;
use tests::{run_to_exit, workspace};

use crate::{
    argocd::wait_until_synced_and_healthy,
    cluster::{
        NODE_PORT, Namespace, commit, get, load_image, node_port, remove_namespace, try_kubectl, wait_for,
        wait_for_runtime, wait_until,
    },
    guides::follow,
    measures::measure,
    repository::Repository,
};

const GUIDE: &str = "README.md";

/// Follows the sections in their order.
pub(crate) fn commands_of_the_readme_succeed_in_order() {
    let repository = Repository::new();
    let _removed = repository.remove_on_drop("argocd/application");
    remove_namespace("hello");
    assert_response("native", "native", &follow(&workspace(), GUIDE, "As a native binary"));
    assert_response("wasm", "wasi-0.3", &follow(&workspace(), GUIDE, "As WebAssembly"));
    assert_upgrade("wasi-0.3");

    follow(&workspace(), GUIDE, "Both, side by side");
    for (namespace, responding) in [("hello-native", "native"), ("hello-wasm", "wasi-0.3")] {
        wait_for_runtime(node_port(namespace), responding);
    }

    // The code is unchanged, and the tag is that of this build.
    let printed = follow(&workspace(), GUIDE, "Change the code and deploy it again");
    let command = printed
        .lines()
        .map(str::trim)
        .rfind(|line| line.starts_with("helm upgrade"))
        .expect("the section prints a command");
    let tag = command.rsplit("image.tag=").next().expect("the command has a tag");
    load_image(&format!("hello-native:{tag}"));
    let mut shell = Command::new("bash");
    shell.current_dir(workspace()).args(["-ec", command]);
    let upgraded = run_to_exit(shell);
    assert!(upgraded.succeeded(), "{command}: {}", upgraded.output());
    wait_until("the pods have that tag", || {
        let image = get("hello", "pods")["items"][0]["spec"]["containers"][0]["image"].take();
        image == format!("hello-native:{tag}").as_str()
    });
    wait_for_runtime(NODE_PORT, "native");

    follow(&workspace(), GUIDE, "Without Helm");
    wait_for_runtime(NODE_PORT, "wasi-0.3");

    // Argo CD is installed already.
    repository.follow_except(
        GUIDE,
        "From Git",
        &["kubectl create namespace argocd", "kubectl apply --namespace argocd"],
    );
    wait_until_synced_and_healthy("hello", &repository);
    follow(&workspace(), GUIDE, "Remove it");
    assert!(["hello", "hello-native", "hello-wasm"].iter().all(|name| get("", &format!("namespace/{name}")).is_null()));
}

/// Asserts that the last line of a section's output is a response of the runtime.
fn assert_response(runtime: &str, responding: &str, printed: &str) {
    let response: Value =
        serde_json::from_str(printed.lines().last().expect("there is a line")).expect("the line is JSON");
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

fn assert_upgrade(responding: &str) {
    let upgraded = Instant::now();
    let mut helm = Command::new("helm");
    helm.current_dir(workspace()).args(["upgrade", "hello", "chart", "--namespace", "hello"]);
    helm.args(["--reset-then-reuse-values", "--set", "message=Good morning"]);
    let exit = run_to_exit(helm);
    assert!(exit.succeeded(), "{}", exit.output());
    wait_until("the response has another message", || {
        wait_for_runtime(NODE_PORT, responding)["message"] == "Good morning"
    });
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

/// tests/chart/ has the other invalid values.
pub(crate) fn invalid_values_are_rejected() {
    let hello = Namespace::new("hello");
    for (values, sentence) in [
        ("runtime=jvm", "must be one of 'native', 'wasm', 'spin'"),
        ("replicas=3", "additional properties 'replicas' not allowed"),
        ("runtime=native,spin.operator=true", "set runtime to spin, or spin.operator to false"),
    ] {
        let rejected = hello.try_helm("install", &["chart", "--set", values]);
        assert!(!rejected.succeeded(), "{values} is accepted");
        assert!(rejected.output().contains(sentence), "{values}: {}", rejected.output());
        assert!(!hello.try_helm("status", &[]).succeeded(), "there is a release");
    }
}

/// In the other cases pods are admitted, which proves something only if others are not.
pub(crate) fn namespace_is_restricted() {
    let _hello = Namespace::new("hello");
    let root = try_kubectl(&["run", "root", "--image=localhost/pause:1", "--namespace", "hello"]);
    assert!(!root.succeeded() && root.output().contains(r#"violates PodSecurity "restricted"#), "{}", root.output());
}
