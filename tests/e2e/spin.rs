//! The Spin variant: as far as it goes without Spin's shim on the node, and all the way where that is installed.

use std::fs;

use serde_json::{Value, json};
use tests::{Server, VERSION, host_with, program, workspace};

use crate::{
    cluster::{NODE_PORT, Namespace, apply, get, kubectl, pods, try_kubectl, wait_for_runtime, wait_until},
    guides::follow,
    images::Image,
    measures::measure,
    traces::wait_for_the_collector,
};

/// What containerd runs for the handler of the chart's runtime class.
const SHIM: &str = "containerd-shim-spin-v2";

pub(crate) fn the_image_is_what_the_shim_reads() {
    let image = Image::unpack("spin");
    let manifest = fs::read_to_string(image.path("/spin.toml")).expect("/spin.toml");
    let source =
        manifest.lines().find_map(|line| line.strip_prefix("source = \"")?.strip_suffix('"')).expect("a source");
    let server = Server::start(host_with(&image.path(source)));
    assert_eq!(server.get("/info").json()["runtime"], "wasi-0.2");
}

pub(crate) fn the_deployment_is_accepted() {
    let class = RuntimeClass::new("spin");
    let hello = Namespace::new("hello");
    hello.helm("install", &["chart", "--set", "runtime=spin,message=Good morning"]);
    wait_until("a pod is admitted", || pods("hello").len() == 1);
    let pod = get("hello", &format!("pod/{}", pods("hello")[0]));
    assert_eq!(pod["spec"]["runtimeClassName"], class.0);
    assert_is_told(&pod, "Good morning");
    serves_where_it_can("a Deployment for Spin");
}

/// Spin gives its guests the variables that it finds under this prefix.
fn assert_is_told(pod: &Value, message: &str) {
    let message = json!({ "name": "SPIN_VARIABLE_MESSAGE", "value": message });
    assert!(environment(pod).contains(&message), "{:?}", environment(pod));
}

fn environment(pod: &Value) -> &Vec<Value> {
    pod["spec"]["containers"][0]["env"].as_array().expect("variables")
}

/// An answer can be had only where the node has the shim.
fn serves_where_it_can(what: &str) {
    if program(SHIM).is_some() {
        assert_eq!(wait_for_runtime(NODE_PORT, "wasi-0.2")["message"], "Good morning");
    } else {
        measure(format!("{what}: answers"), format!("not seen; the node has no {SHIM}"));
    }
}

/// The class that the chart names, and that only a cluster with the shim has.
pub(crate) struct RuntimeClass(&'static str);

impl RuntimeClass {
    pub(crate) fn new(handler: &str) -> Self {
        let name = "wasmtime-spin-v2";
        apply(&json!({
            "apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": { "name": name }, "handler": handler
        }));
        RuntimeClass(name)
    }
}

impl Drop for RuntimeClass {
    fn drop(&mut self) {
        _ = try_kubectl(&["delete", "runtimeclass", self.0]);
    }
}

/// With the real operator; its pods have no security context, so a restricted namespace would not admit them.
pub(crate) fn the_operator_takes_the_spin_app() {
    let _class = RuntimeClass::new("spin");
    let hello = Namespace::new("hello");
    kubectl(&["label", "namespace", "hello", "pod-security.kubernetes.io/enforce=baseline", "--overwrite"]);
    let _monitoring = Namespace::new("monitoring");
    follow(&workspace(), "docs/RUNTIMES.md", "Telemetry");
    wait_for_the_collector();
    hello.helm("install", &["chart", "--set", "runtime=spin,spin.operator=true,message=Good morning,replicaCount=2"]);
    let app = get("hello", "spinapp/hello-spin");
    assert_eq!((&app["spec"]["image"], &app["spec"]["replicas"]), (&json!(format!("hello-spin:{VERSION}")), &json!(2)));

    wait_until("the operator's pods are admitted", || pods("hello").len() == 2);
    let selector = get("hello", "service/hello")["spec"]["selector"].take();
    let pod = get("hello", &format!("pod/{}", pods("hello")[0]));
    for (label, value) in selector.as_object().expect("labels") {
        assert_eq!(&pod["metadata"]["labels"][label], value, "the Service would miss the operator's pods");
    }
    assert_eq!(pod["spec"]["runtimeClassName"], "wasmtime-spin-v2");
    assert_is_told(&pod, "Good morning");
    let collector = json!({ "name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://collector.monitoring:4318" });
    assert!(environment(&pod).contains(&collector), "{:?}", environment(&pod));
    serves_where_it_can("a SpinApp");

    // The schema would not let everything through.
    let wrong = r#"{"spec":{"replicas":"two"}}"#;
    let refused =
        try_kubectl(&["patch", "spinapp/hello-spin", "--namespace", "hello", "--type=merge", "--patch", wrong]);
    assert!(!refused.succeeded() && refused.output().contains("spec.replicas"), "{}", refused.output());
}
