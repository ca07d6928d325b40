//! The Collector of docs/telemetry in the cluster, and the spans that it receives.

use tests::{Protocol, request, send, workspace};

use crate::{
    cluster::{NODE_PORT, Namespace, get, kubectl, on_the_node, wait_for_runtime, wait_until},
    guides::follow,
};

pub(crate) fn collector_receives_the_spans_of_both_runtimes() {
    let _monitoring = Namespace::new("monitoring");
    let hello = Namespace::new("hello");
    follow(&workspace(), "docs/OPERATIONS.md", "Traces");
    wait_for_the_collector();
    for (runtime, responding, trace) in [
        ("native", "native", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("wasm", "wasi-0.3", "80e1afed08e019fc1110464cfa66635c"),
    ] {
        let set = format!("runtime={runtime}");
        hello.helm("upgrade", &["chart", "--reset-then-reuse-values", "--set", &set, "--wait", "--timeout", "50s"]);
        wait_until("the old pod has ended", || get("hello", "pods")["items"].as_array().map(Vec::len) == Some(1));
        wait_for_runtime(NODE_PORT, responding);
        let mut request = request("GET", "/info", "");
        let parent = format!("00-{trace}-00f067aa0ba902b7-01");
        request.headers_mut().insert("traceparent", parent.parse().expect("the value is valid"));
        assert_eq!(send(on_the_node(NODE_PORT), Protocol::Http1, request).json()["runtime"], responding);
        wait_until(format_args!("the Collector shows the span of {runtime}"), || {
            let log = kubectl(&["logs", "--namespace", "monitoring", "deployment/collector"]);
            log.lines().any(|line| line.contains(trace) && line.contains("/info"))
        });
    }
}

pub(crate) fn wait_for_the_collector() {
    kubectl(&["rollout", "status", "deployment/collector", "--namespace", "monitoring", "--timeout", "50s"]);
}
