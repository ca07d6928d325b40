//! manifests/, applied as the README says.

use crate::cluster::{NODE_PORT, kubectl, remove_namespace, wait_for_runtime};

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
