//! Whatever is done to the pods on purpose, under load: not one request may fail.

use std::thread;

use serde_json::Value;
use tests::{Protocol, request, send};

use crate::{
    cluster::{NODE_PORT, Namespace, get, kubectl, on_the_node, pods, try_kubectl, wait_for_runtime, wait_until},
    load::Load,
};

const RUNTIMES: [(&str, &str); 2] = [("native", "native"), ("wasm", "wasi-0.3")];

pub(crate) fn the_runtime_is_switched_and_rolled_back() {
    let hello = Namespace::new("hello");
    hello.deploy("runtime=native");
    wait_for_runtime(NODE_PORT, "native");

    let switched = |during: &str, to: &str, switch: &dyn Fn()| {
        let load = Load::start(on_the_node(NODE_PORT));
        switch();
        wait_until_settled(1);
        wait_for_runtime(NODE_PORT, to);
        let outcome = load.finish(during);
        assert_eq!(outcome.answered.len(), 2, "one runtime was there before, another after: {outcome:?}");
        assert!(page().contains(&format!(r#"id="runtime">{to}<"#)), "the page names the runtime");
    };
    switched("helm upgrade to wasm", "wasi-0.3", &|| _ = hello.deploy("runtime=wasm"));
    switched("helm upgrade to native", "native", &|| _ = hello.deploy("runtime=native"));
    switched("helm rollback to wasm", "wasi-0.3", &|| _ = hello.helm("rollback", &["--wait", "--timeout", "50s"]));
}

pub(crate) fn rolling_restart() {
    for_each_runtime("a rolling restart", || {
        kubectl(&["rollout", "restart", "deployment/hello", "--namespace", "hello"]);
        kubectl(&["rollout", "status", "deployment/hello", "--namespace", "hello", "--timeout", "50s"]);
    });
}

pub(crate) fn a_pod_is_deleted() {
    for_each_runtime("deletion of a pod", || {
        kubectl(&["delete", "pod", &pods("hello")[0], "--namespace", "hello"]);
    });
}

/// The cluster has one node: what is evicted has no place until that is opened again. Until then the disruption budget must hold the
/// last pod.
pub(crate) fn the_node_is_drained() {
    for_each_runtime("a drain of the node", || {
        let node = kubectl(&["get", "nodes", "--output", "jsonpath={.items[0].metadata.name}"]);
        let closed = Closed(&node);
        let drain = thread::spawn({
            let node = node.clone();
            move || kubectl(&["drain", &node, "--pod-selector", "app.kubernetes.io/name=hello", "--timeout", "50s"])
        });
        wait_until("a pod waits for a node", || {
            let list = get("hello", "pods");
            let mut pods = list["items"].as_array().into_iter().flatten();
            pods.any(|pod| pod["status"]["phase"] == "Pending")
        });
        let budget = get("hello", "poddisruptionbudget/hello");
        assert_eq!(budget["status"]["disruptionsAllowed"], 0, "the last pod may not go: {budget}");
        drop(closed);
        drain.join().expect("the drain ends");
    });
}

/// A node that takes no pods, until this is dropped.
struct Closed<'a>(&'a str);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        _ = try_kubectl(&["uncordon", self.0]);
    }
}

/// What a browser gets.
fn page() -> String {
    let mut request = request("GET", "/", "");
    request.headers_mut().insert("accept", "text/html".parse().expect("a value"));
    send(on_the_node(NODE_PORT), Protocol::Http1, request).text().to_owned()
}

/// Two replicas of each runtime, and something done to them under load.
fn for_each_runtime(what: &str, disrupt: impl Fn()) {
    for (runtime, answering) in RUNTIMES {
        let hello = Namespace::new("hello");
        hello.deploy(&format!("runtime={runtime},replicaCount=2"));
        wait_for_runtime(NODE_PORT, answering);
        let before = pods("hello");
        let load = Load::start(on_the_node(NODE_PORT));
        disrupt();
        wait_until_settled(2);
        let outcome = load.finish(&format!("{what}, {runtime}"));
        assert_eq!(outcome.answered.keys().collect::<Vec<_>>(), [answering]);
        assert_ne!(pods("hello"), before, "no pod was replaced");
    }
}

/// Waits until there are so many pods, all ready, and those that ended are gone.
fn wait_until_settled(replicas: usize) {
    wait_until(format_args!("{replicas} ready pods and no others"), || {
        let list = get("hello", "pods");
        let pods = list["items"].as_array().expect("a list");
        let ready = |pod: &Value| {
            let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
            conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
        };
        pods.len() == replicas && pods.iter().all(ready)
    });
}
