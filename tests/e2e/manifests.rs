//! manifests/, applied as the README says.

use std::process::Command;

use tests::{run_to_exit, workspace};

use crate::cluster::{NODE_PORT, Namespace, kubectl, remove_namespace, wait_for_runtime};

pub(crate) fn are_applied_one_after_another() {
    remove_namespace("hello");
    for (folder, answering) in [("manifests/native", "native"), ("manifests/wasm", "wasi-0.3")] {
        kubectl(&["apply", "-k", folder]);
        kubectl(&["rollout", "status", "deployment/hello", "--namespace", "hello", "--timeout", "50s"]);
        wait_for_runtime(NODE_PORT, answering);
    }
    // The Spin variant is one of them; where no node has its shim it is only admitted.
    kubectl(&["apply", "-k", "manifests/spin", "--dry-run=server"]);
    remove_namespace("hello");
}

/// An object belongs to the one or to the other; docs/TROUBLESHOOTING.md and the doctor know what is said, and the way out.
pub(crate) fn and_helm_refuse_each_other() {
    let doctor = || run_to_exit(Command::new(workspace().join("scripts/doctor.sh"))).output();
    let hello = Namespace::new("hello");
    hello.deploy("message=Hi");
    assert!(!doctor().contains("kubectl apply changed"), "{}", doctor());
    kubectl(&["apply", "-k", "manifests/wasm"]);
    assert!(doctor().contains("kubectl apply changed objects of a Helm release"), "{}", doctor());
    let refused = hello.try_helm("upgrade", &["chart"]);
    assert!(!refused.succeeded() && refused.output().contains("conflicts"), "{}", refused.output());
    hello.helm("upgrade", &["chart", "--force-conflicts", "--wait", "--timeout", "50s"]);
    wait_for_runtime(NODE_PORT, "native");

    remove_namespace("hello");
    kubectl(&["apply", "-k", "manifests/native"]);
    assert!(doctor().contains("kubectl apply made these objects"), "{}", doctor());
    let refused = hello.try_helm("install", &["chart"]);
    assert!(!refused.succeeded() && refused.output().contains("invalid ownership metadata"), "{}", refused.output());
    kubectl(&["delete", "-k", "manifests/native"]);
    let hello = Namespace::new("hello");
    hello.deploy("message=Hi");
    wait_for_runtime(NODE_PORT, "native");
}
