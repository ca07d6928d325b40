//! The cluster, through the programs that its users have: kubectl and helm.

use std::{
    fmt::Display,
    net::{IpAddr, SocketAddr},
    process::Command,
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tests::{Answer, Exit, Protocol, request, run_to_exit, try_send, workspace};

/// The port on the node that the chart asks for.
pub(crate) const NODE_PORT: u16 = 30007;

/// Longer than a roll-out takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_mins(3);

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

/// Runs kubectl, which must succeed; gives what it prints.
#[allow(clippy::must_use_candidate)]
pub(crate) fn kubectl(arguments: &[&str]) -> String {
    succeed("kubectl", arguments)
}

/// Runs kubectl, whatever comes of it.
pub(crate) fn try_kubectl(arguments: &[&str]) -> Exit {
    try_program("kubectl", arguments)
}

/// These tests delete namespaces and drain nodes, of no cluster but the one that is made for them.
pub(crate) fn assert_ours() {
    let context = succeed("kubectl", &["config", "current-context"]);
    assert_eq!(
        context.trim(),
        "hello-cluster",
        "the current context; tests/cluster/cluster.sh run gives the right one"
    );
}

/// The commit that images are built from, as scripts/images.sh has it.
pub(crate) fn commit() -> String {
    succeed("git", &["describe", "--always", "--exclude", "*", "--abbrev=12", "--dirty"]).trim().to_owned()
}

/// Gives the cluster the images that were built.
pub(crate) fn load_images() {
    succeed("tests/cluster/cluster.sh", &["load", "hello-native", "hello-wasm", "hello-spin"]);
}

/// Gives the cluster one image by its tag.
pub(crate) fn load_image(image: &str) {
    succeed("tests/cluster/cluster.sh", &["load", image]);
}

/// Applies a manifest that a test made.
pub(crate) fn apply(manifest: &Value) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    serde_json::to_writer(&file, manifest).expect("it is written");
    kubectl(&["apply", "-f", &file.path().to_string_lossy()]);
}

/// An object of the cluster, or null.
pub(crate) fn get(namespace: &str, object: &str) -> Value {
    let exit = try_kubectl(&["get", object, "--namespace", namespace, "--output", "json", "--ignore-not-found"]);
    assert!(exit.succeeded(), "{}", exit.output());
    serde_json::from_str(&exit.stdout).unwrap_or_default()
}

/// Waits until a probe finds something.
pub(crate) fn wait_for<T>(what: impl Display, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "gave up waiting for: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Waits until something holds.
pub(crate) fn wait_until(what: impl Display, mut holds: impl FnMut() -> bool) {
    wait_for(what, || holds().then_some(()));
}

/// Runs a target of the Makefile; gives what it prints.
pub(crate) fn make(target: &str) -> String {
    let exit = try_program("make", &["--no-print-directory", target]);
    assert!(exit.succeeded(), "make {target}: {}", exit.output());
    exit.stdout
}

/// A port on the node, as the outside world reaches it.
pub(crate) fn on_the_node(port: u16) -> SocketAddr {
    static ADDRESS: LazyLock<IpAddr> = LazyLock::new(|| {
        let path = r#"jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}"#;
        kubectl(&["get", "nodes", "--output", path]).parse().expect("an address")
    });
    SocketAddr::new(*ADDRESS, port)
}

/// The port on the node that a namespace's Service was given.
pub(crate) fn node_port(namespace: &str) -> u16 {
    let port = get(namespace, "service/hello")["spec"]["ports"][0]["nodePort"].take();
    port.as_u64().and_then(|port| port.try_into().ok()).unwrap_or_else(|| panic!("{namespace} has no port but {port}"))
}

/// A GET to a port on the node, or nothing where there is no answer.
pub(crate) fn try_get(port: u16, path: &str) -> Option<Answer> {
    try_send(on_the_node(port), Protocol::Http1, request("GET", path, "")).ok()
}

/// Waits for an answer from the runtime, such as `native` or `wasi-0.3`, through a port on the node.
pub(crate) fn wait_for_runtime(port: u16, runtime: &str) -> Value {
    wait_for(format_args!("an answer from {runtime} on port {port}"), || {
        let info = try_get(port, "/info")?;
        (info.status == 200).then(|| info.json()).filter(|info| info["runtime"] == runtime)
    })
}

/// Names of the pods that have not been told to end.
pub(crate) fn pods(namespace: &str) -> Vec<String> {
    let list = get(namespace, "pods");
    let lasting =
        list["items"].as_array().into_iter().flatten().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    lasting.map(|pod| pod["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
}

/// A namespace with nothing in it, which admits what Pod Security calls restricted and no more; gone when dropped.
pub(crate) struct Namespace(&'static str);

impl Namespace {
    pub(crate) fn new(name: &'static str) -> Self {
        remove_namespace(name);
        kubectl(&["create", "namespace", name]);
        kubectl(&["label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted"]);
        Namespace(name)
    }

    /// Runs helm in the namespace, for the release `hello`; its verbs that wait give up after 50 s.
    pub(crate) fn try_helm(&self, verb: &str, arguments: &[&str]) -> Exit {
        try_program("helm", &[&[verb, "hello", "--namespace", self.0], arguments].concat())
    }

    /// Runs helm in the namespace, which must succeed; gives what it prints.
    pub(crate) fn helm(&self, verb: &str, arguments: &[&str]) -> String {
        let exit = self.try_helm(verb, arguments);
        assert!(exit.succeeded(), "helm {verb} {}: {}", arguments.join(" "), exit.output());
        exit.stdout
    }

    /// Installs or upgrades to these values, and waits until that is done.
    pub(crate) fn deploy(&self, values: &str) -> String {
        self.helm("upgrade", &["chart", "--install", "--reset-values", "--set", values, "--wait", "--timeout", "50s"])
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove_namespace(self.0);
    }
}

/// Removes a namespace, and waits until it is gone; not for its pods to drain, though.
pub(crate) fn remove_namespace(name: &str) {
    _ = try_kubectl(&["scale", "deployments", "--all", "--replicas=0", "--namespace", name]);
    _ = try_kubectl(&["delete", "pods", "--all", "--grace-period=1", "--namespace", name]);
    _ = try_kubectl(&["delete", "namespace", name, "--ignore-not-found", "--timeout=50s"]);
}
