//! The Spin variant. Without Spin's shim on the node, its pods are admitted and do not start.

use std::fs;

use serde_json::{Value, json};
use tests::{Server, VERSION, find_program, host_command_for, workspace};

use crate::{
    cluster::{NODE_PORT, Namespace, apply, get, kubectl, pods, try_kubectl, wait_for_runtime, wait_until},
    guides::follow,
    images::Image,
    measures::measure,
    traces::wait_for_the_collector,
};

/// The program that containerd runs for the handler of the chart's runtime class.
const SHIM: &str = "containerd-shim-spin-v2";

pub(crate) fn image_has_the_application_of_the_shim() {
    let image = Image::unpack("spin");
    let manifest = fs::read_to_string(image.path("/spin.toml")).expect("/spin.toml");
    let source = manifest
        .lines()
        .find_map(|line| line.strip_prefix("source = \"")?.strip_suffix('"'))
        .expect("the application has a source");
    let server = Server::start(host_command_for(&image.path(source)));
    assert_eq!(server.get("/info").json()["runtime"], "wasi-0.2");
}

pub(crate) fn deployment_is_accepted() {
    let class = RuntimeClass::new("spin");
    let hello = Namespace::new("hello");
    hello.helm("install", &["chart", "--set", "runtime=spin,message=Good morning"]);
    wait_until("a pod is admitted", || pods("hello").len() == 1);
    let pod = get("hello", &format!("pod/{}", pods("hello")[0]));
    assert_eq!(pod["spec"]["runtimeClassName"], class.0);
    assert_has_message(&pod, "Good morning");
    assert_serves_with_the_shim("a Deployment for Spin");
}

/// Spin passes variables with this prefix to its guests.
fn assert_has_message(pod: &Value, message: &str) {
    let message = json!({ "name": "SPIN_VARIABLE_MESSAGE", "value": message });
    assert!(environment(pod).contains(&message), "{:?}", environment(pod));
}

fn environment(pod: &Value) -> &Vec<Value> {
    pod["spec"]["containers"][0]["env"].as_array().expect("the container has variables")
}

/// Asserts that the pod serves, if the node has the shim.
fn assert_serves_with_the_shim(name: &str) {
    if find_program(SHIM).is_some() {
        assert_eq!(wait_for_runtime(NODE_PORT, "wasi-0.2")["message"], "Good morning");
    } else {
        measure(format!("{name}: responses"), format!("not tested, as the node has no {SHIM}"));
    }
}

/// The runtime class of the chart, which only a cluster with the shim has. It is removed on drop.
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

/// The real operator creates pods without a security context, which a restricted namespace does not admit.
pub(crate) fn operator_creates_the_pods_of_a_spin_app() {
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
    for (label, value) in selector.as_object().expect("the selector has labels") {
        assert_eq!(&pod["metadata"]["labels"][label], value, "the Service does not select the operator's pods");
    }
    assert_eq!(pod["spec"]["runtimeClassName"], "wasmtime-spin-v2");
    assert_has_message(&pod, "Good morning");
    let collector = json!({ "name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://collector.monitoring:4318" });
    assert!(environment(&pod).contains(&collector), "{:?}", environment(&pod));
    assert_serves_with_the_shim("a SpinApp");

    // The schema rejects invalid fields.
    let wrong = r#"{"spec":{"replicas":"two"}}"#;
    let rejected =
        try_kubectl(&["patch", "spinapp/hello-spin", "--namespace", "hello", "--type=merge", "--patch", wrong]);
    assert!(!rejected.succeeded() && rejected.output().contains("spec.replicas"), "{}", rejected.output());
}
