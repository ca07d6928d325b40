//! Planned disruptions of the pods under load: no request may fail.

use std::thread;

use serde_json::Value;
use tests::{Protocol, request, send};

use crate::{
    cluster::{NODE_PORT, Namespace, get, kubectl, on_the_node, pods, try_kubectl, wait_for_runtime, wait_until},
    load::Load,
};

pub(crate) fn switch_and_rollback_of_the_runtime_lose_no_request() {
    let hello = Namespace::new("hello");
    hello.deploy("runtime=native");
    wait_for_runtime(NODE_PORT, "native");

    let switch_under_load = |during: &str, to: &str, switch: &dyn Fn()| {
        let load = Load::start(on_the_node(NODE_PORT));
        switch();
        wait_for_ready_pods(1);
        wait_for_runtime(NODE_PORT, to);
        let outcome = load.finish(during);
        assert_eq!(outcome.succeeded.len(), 2, "the load did not see both runtimes: {outcome:?}");
        assert!(page().contains(&format!(r#"id="runtime">{to}<"#)), "the page does not name {to}");
    };
    switch_under_load("helm upgrade to wasm", "wasi-0.3", &|| _ = hello.deploy("runtime=wasm"));
    switch_under_load("helm upgrade to native", "native", &|| _ = hello.deploy("runtime=native"));
    switch_under_load("helm rollback to wasm", "wasi-0.3", &|| {
        _ = hello.helm("rollback", &["--wait", "--timeout", "50s"]);
    });
}

pub(crate) fn rolling_restart_loses_no_request(runtime: &str) {
    disrupt("a rolling restart", runtime, || {
        kubectl(&["rollout", "restart", "deployment/hello", "--namespace", "hello"]);
        kubectl(&["rollout", "status", "deployment/hello", "--namespace", "hello", "--timeout", "50s"]);
    });
}

pub(crate) fn deletion_of_a_pod_loses_no_request(runtime: &str) {
    disrupt("deletion of a pod", runtime, || {
        kubectl(&["delete", "pod", &pods("hello")[0], "--namespace", "hello"]);
    });
}

/// The cluster has one node, so the replacement of an evicted pod is pending until the node is uncordoned. Until then the disruption
/// budget must keep the last pod.
pub(crate) fn drain_of_the_node_loses_no_request(runtime: &str) {
    disrupt("a drain of the node", runtime, || {
        let node = kubectl(&["get", "nodes", "--output", "jsonpath={.items[0].metadata.name}"]);
        let cordoned = Cordoned(&node);
        let drain = thread::spawn({
            let node = node.clone();
            move || kubectl(&["drain", &node, "--pod-selector", "app.kubernetes.io/name=hello", "--timeout", "50s"])
        });
        wait_until("a pod is pending", || {
            let list = get("hello", "pods");
            let mut pods = list["items"].as_array().into_iter().flatten();
            pods.any(|pod| pod["status"]["phase"] == "Pending")
        });
        let budget = get("hello", "poddisruptionbudget/hello");
        assert_eq!(budget["status"]["disruptionsAllowed"], 0, "the last pod can be evicted: {budget}");
        drop(cordoned);
        drain.join().expect("the drain ends");
    });
}

/// Drop guard: uncordons a node.
struct Cordoned<'a>(&'a str);

impl Drop for Cordoned<'_> {
    fn drop(&mut self) {
        _ = try_kubectl(&["uncordon", self.0]);
    }
}

/// Returns the page, as a browser requests it.
fn page() -> String {
    let mut request = request("GET", "/", "");
    request.headers_mut().insert("accept", "text/html".parse().expect("the value is valid"));
    send(on_the_node(NODE_PORT), Protocol::Http1, request).text().to_owned()
}

/// Deploys two replicas of a runtime, such as `native` or `wasm`, and disrupts them under load.
fn disrupt(name: &str, runtime: &str, action: impl Fn()) {
    let responding = if runtime == "wasm" { "wasi-0.3" } else { runtime };
    let hello = Namespace::new("hello");
    hello.deploy(&format!("runtime={runtime},replicaCount=2"));
    wait_for_runtime(NODE_PORT, responding);
    let before = pods("hello");
    let load = Load::start(on_the_node(NODE_PORT));
    action();
    wait_for_ready_pods(2);
    let outcome = load.finish(&format!("{name}, {runtime}"));
    assert_eq!(outcome.succeeded.keys().collect::<Vec<_>>(), [responding]);
    assert_ne!(pods("hello"), before, "no pod was replaced");
}

/// Waits until there are exactly this many pods, and all of them are ready.
fn wait_for_ready_pods(replicas: usize) {
    wait_until(format_args!("{replicas} ready pods and no others"), || {
        let list = get("hello", "pods");
        let pods = list["items"].as_array().expect("the list has items");
        let ready = |pod: &Value| {
            let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
            conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
        };
        pods.len() == replicas && pods.iter().all(ready)
    });
}
