//! manifests/, applied by kubectl as in the README.

use std::process::Command;

use tests::{run_to_exit, workspace};

use crate::cluster::{NODE_PORT, Namespace, kubectl, remove_namespace, wait_for_runtime};

pub(crate) fn manifests_are_applied_one_after_another() {
    remove_namespace("hello");
    for (folder, responding) in [("manifests/native", "native"), ("manifests/wasm", "wasi-0.3")] {
        kubectl(&["apply", "-k", folder]);
        kubectl(&["rollout", "status", "deployment/hello", "--namespace", "hello", "--timeout", "50s"]);
        wait_for_runtime(NODE_PORT, responding);
    }
    // The node has no shim for Spin, so its variant is only admitted.
    kubectl(&["apply", "-k", "manifests/spin", "--dry-run=server"]);
    remove_namespace("hello");
}

/// An object is managed by Helm or by `kubectl apply`. docs/TROUBLESHOOTING.md and the doctor have the errors and the fixes.
pub(crate) fn helm_and_kubectl_apply_exclude_each_other() {
    let doctor = || run_to_exit(Command::new(workspace().join("scripts/doctor.sh"))).output();
    let hello = Namespace::new("hello");
    hello.deploy("message=Hi");
    assert!(!doctor().contains("kubectl apply changed"), "{}", doctor());
    kubectl(&["apply", "-k", "manifests/wasm"]);
    assert!(doctor().contains("kubectl apply changed objects of a Helm release"), "{}", doctor());
    let rejected = hello.try_helm("upgrade", &["chart"]);
    assert!(!rejected.succeeded() && rejected.output().contains("conflicts"), "{}", rejected.output());
    hello.helm("upgrade", &["chart", "--force-conflicts", "--wait", "--timeout", "50s"]);
    wait_for_runtime(NODE_PORT, "native");

    remove_namespace("hello");
    kubectl(&["apply", "-k", "manifests/native"]);
    assert!(doctor().contains("kubectl apply made these objects"), "{}", doctor());
    let rejected = hello.try_helm("install", &["chart"]);
    assert!(!rejected.succeeded() && rejected.output().contains("invalid ownership metadata"), "{}", rejected.output());
    kubectl(&["delete", "-k", "manifests/native"]);
    let hello = Namespace::new("hello");
    hello.deploy("message=Hi");
    wait_for_runtime(NODE_PORT, "native");
}
