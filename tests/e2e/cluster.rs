//! The cluster, through kubectl and helm.

use std::{
    fmt::Display,
    net::{IpAddr, SocketAddr},
    process::Command,
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tests::{Exit, Protocol, Response, request, run_to_exit, try_send, workspace};

/// The port on the node that the chart requests.
pub(crate) const NODE_PORT: u16 = 30007;

/// Time limit of each wait, longer than a roll-out takes on a busy machine.
const TIMEOUT: Duration = Duration::from_mins(3);

fn try_program(program: &str, arguments: &[&str]) -> Exit {
    let mut command = Command::new(program);
    command.current_dir(workspace()).args(arguments);
    run_to_exit(command)
}

fn succeed(program: &str, arguments: &[&str]) -> String {
    let exit = try_program(program, arguments);
    assert!(exit.succeeded(), "{program} {}: {}", arguments.join(" "), exit.output());
    exit.stdout
}

/// Runs kubectl, which must succeed, and returns its standard output.
#[allow(clippy::must_use_candidate)]
pub(crate) fn kubectl(arguments: &[&str]) -> String {
    succeed("kubectl", arguments)
}

/// Runs kubectl, which may fail.
pub(crate) fn try_kubectl(arguments: &[&str]) -> Exit {
    try_program("kubectl", arguments)
}

/// Asserts that the current context is the throwaway cluster, as the tests delete namespaces and drain the node.
pub(crate) fn assert_throwaway_cluster() {
    let context = succeed("kubectl", &["config", "current-context"]);
    assert_eq!(context.trim(), "hello-cluster", "run the tests by `make e2e`, which sets the context");
}

/// Returns the commit that the images are built from, in the form of scripts/images.sh.
pub(crate) fn commit() -> String {
    succeed("git", &["describe", "--always", "--exclude", "*", "--abbrev=12", "--dirty"]).trim().to_owned()
}

/// Loads the built images into the cluster.
pub(crate) fn load_images() {
    succeed("tests/cluster/cluster.sh", &["load", "hello-native", "hello-wasm", "hello-spin"]);
}

/// Loads one image into the cluster.
pub(crate) fn load_image(image: &str) {
    succeed("tests/cluster/cluster.sh", &["load", image]);
}

/// Applies a manifest.
pub(crate) fn apply(manifest: &Value) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    serde_json::to_writer(&file, manifest).expect("the file is written");
    kubectl(&["apply", "-f", &file.path().to_string_lossy()]);
}

/// Returns an object of the cluster, or null.
pub(crate) fn get(namespace: &str, object: &str) -> Value {
    let exit = try_kubectl(&["get", object, "--namespace", namespace, "--output", "json", "--ignore-not-found"]);
    assert!(exit.succeeded(), "{}", exit.output());
    serde_json::from_str(&exit.stdout).unwrap_or_default()
}

/// Waits until a probe returns a value.
pub(crate) fn wait_for<T>(what: impl Display, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {TIMEOUT:?}: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Waits until a condition holds.
pub(crate) fn wait_until(what: impl Display, mut holds: impl FnMut() -> bool) {
    wait_for(what, || holds().then_some(()));
}

/// Runs a target of the Makefile, which must succeed, and returns its standard output.
pub(crate) fn make(target: &str) -> String {
    let exit = try_program("make", &["--no-print-directory", target]);
    assert!(exit.succeeded(), "make {target}: {}", exit.output());
    exit.stdout
}

/// Returns the address of a port on the node, which is reachable from outside of the cluster.
pub(crate) fn on_the_node(port: u16) -> SocketAddr {
    static ADDRESS: LazyLock<IpAddr> = LazyLock::new(|| {
        let path = r#"jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}"#;
        kubectl(&["get", "nodes", "--output", path]).parse().expect("the node has an address")
    });
    SocketAddr::new(*ADDRESS, port)
}

/// Returns the port on the node of a namespace's Service.
pub(crate) fn node_port(namespace: &str) -> u16 {
    let port = get(namespace, "service/hello")["spec"]["ports"][0]["nodePort"].take();
    port.as_u64()
        .and_then(|port| port.try_into().ok())
        .unwrap_or_else(|| panic!("the Service of {namespace} has no node port: {port}"))
}

/// Sends a GET to a port on the node. Returns nothing if the request fails.
pub(crate) fn try_get(port: u16, path: &str) -> Option<Response> {
    try_send(on_the_node(port), Protocol::Http1, request("GET", path, "")).ok()
}

/// Waits for a response of a runtime, such as `native` or `wasi-0.3`, from a port on the node.
pub(crate) fn wait_for_runtime(port: u16, runtime: &str) -> Value {
    wait_for(format_args!("a response of {runtime} from port {port}"), || {
        let info = try_get(port, "/info")?;
        (info.status == 200).then(|| info.json()).filter(|info| info["runtime"] == runtime)
    })
}

/// Returns the names of the pods that are not terminating.
pub(crate) fn pods(namespace: &str) -> Vec<String> {
    let list = get(namespace, "pods");
    let pods =
        list["items"].as_array().into_iter().flatten().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    pods.map(|pod| pod["metadata"]["name"].as_str().expect("a pod has a name").to_owned()).collect()
}

/// An empty namespace with the restricted policy of Pod Security. It is removed on drop.
pub(crate) struct Namespace(&'static str);

impl Namespace {
    pub(crate) fn new(name: &'static str) -> Self {
        remove_namespace(name);
        kubectl(&["create", "namespace", name]);
        kubectl(&["label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted"]);
        Namespace(name)
    }

    /// Runs helm for the release `hello` in the namespace. It may fail.
    pub(crate) fn try_helm(&self, verb: &str, arguments: &[&str]) -> Exit {
        try_program("helm", &[&[verb, "hello", "--namespace", self.0], arguments].concat())
    }

    /// Runs helm for the release `hello` in the namespace, which must succeed, and returns its standard output.
    pub(crate) fn helm(&self, verb: &str, arguments: &[&str]) -> String {
        let exit = self.try_helm(verb, arguments);
        assert!(exit.succeeded(), "helm {verb} {}: {}", arguments.join(" "), exit.output());
        exit.stdout
    }

    /// Installs the release or upgrades it to these values, and waits for its pods.
    pub(crate) fn deploy(&self, values: &str) -> String {
        self.helm("upgrade", &["chart", "--install", "--reset-values", "--set", values, "--wait", "--timeout", "50s"])
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove_namespace(self.0);
    }
}

/// Removes a namespace and waits for its end. Its pods are not drained.
pub(crate) fn remove_namespace(name: &str) {
    _ = try_kubectl(&["scale", "deployments", "--all", "--replicas=0", "--namespace", name]);
    _ = try_kubectl(&["delete", "pods", "--all", "--grace-period=1", "--namespace", name]);
    _ = try_kubectl(&["delete", "namespace", name, "--ignore-not-found", "--timeout=50s"]);
}
