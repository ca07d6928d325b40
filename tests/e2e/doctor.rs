//! `make doctor` on deployments that fail, each in a way that real ones do.

use std::{cell::RefCell, fmt::from_fn, fs, process::Command};

use serde_json::{Value, json};
use tests::{run_to_exit, workspace};

use crate::{
    cluster::{NODE_PORT, Namespace, kubectl, wait_for, wait_for_runtime},
    spin::RuntimeClass,
};

/// Waits until the report has these lines, each given by its subject and a part of its text. Returns the report. Kubernetes needs a
/// moment to detect a failure.
fn wait_for_report(lines: &[(&str, &str)]) -> String {
    let last = RefCell::new(String::new());
    wait_for(from_fn(|text| write!(text, "the doctor reports {lines:?}; the report is:\n{}", last.borrow())), || {
        let output = run_to_exit(Command::new(workspace().join("scripts/doctor.sh"))).output();
        let rows: Vec<_> = output.lines().filter_map(|line| line.get(6..)).collect();
        let has_all =
            lines.iter().all(|(subject, text)| rows.iter().any(|row| row.starts_with(subject) && row.contains(text)));
        last.replace(output.clone());
        has_all.then_some(output)
    })
}

pub(crate) fn reports_no_problem_then_an_invalid_setting() {
    let hello = Namespace::new("hello");
    hello.helm("install", &["chart"]);
    wait_for_runtime(NODE_PORT, "native");
    let report = wait_for_report(&[
        ("Kubernetes", ", context hello-cluster"),
        ("node hello-node", "containerd://"),
        ("images", "hello-native:"),
        ("NodePort", "30007 is that of hello/hello"),
        ("metrics-server", "answers"),
        ("Argo CD", "is there"),
        ("pods", "ready: hello-"),
        ("native in the cluster", "works: helm upgrade --install"),
        ("wasm in the cluster", "works: helm upgrade --install"),
        ("spin in the cluster", "missing: RuntimeClass wasmtime-spin-v2"),
    ]);
    assert!(!report.contains("!!"), "{report}");

    kubectl(&["set", "env", "deployment/hello", "--namespace", "hello", "HELLO_DRAIN_DELAY=soon"]);
    wait_for_report(&[
        ("pod hello-", "a setting is wrong: helm get values hello"),
        // The log of the pod follows.
        ("", "exit code 64: "),
        ("", "HELLO_DRAIN_DELAY"),
    ]);
}

pub(crate) fn reports_a_missing_image_and_an_autoscaler_without_metrics() {
    let hello = Namespace::new("hello");
    let _without_metrics = WithoutMetrics::new();
    hello.helm("install", &["chart", "--set", "image.tag=absent,autoscaling.enabled=true"]);
    wait_for_report(&[
        (
            "pod hello-",
            "hello-native:absent is not on the node, hello-node, as it was not built where that runs: make images",
        ),
        ("metrics-server", "is not there"),
        ("autoscaler hello", "there is no metrics-server: kubectl apply"),
    ]);
}

pub(crate) fn reports_what_breaks_a_pod() {
    let hello = Namespace::new("hello");
    // The image of the shell has only the user root.
    hello.helm("install", &["chart", "--set", "podSecurityContext.runAsUser=65532"]);
    let patch = |pod: Value| {
        let patch = json!({ "spec": { "template": { "spec": pod } } }).to_string();
        kubectl(&["patch", "deployment/hello", "--namespace", "hello", "--patch", &patch]);
    };

    // The kernel reports the same error for a file that is not a program as for a program of another architecture.
    kubectl(&["create", "configmap", "other", "--namespace", "hello", "--from-literal=program=for another"]);
    patch(json!({
        "containers": [{
            "name": "hello",
            "command": ["/other/program"],
            "volumeMounts": [{ "name": "other", "mountPath": "/other" }],
        }],
        "volumes": [{ "name": "other", "configMap": { "name": "other", "defaultMode": 0o755 } }],
    }));
    wait_for_report(&[("pod hello-", "is for another processor than the node's, "), ("", "exec format error")]);

    let limits = json!({ "memory": "16Mi" });
    patch(json!({
        "containers": [{
            "name": "hello",
            "image": "docker.io/library/busybox:1.37",
            "command": ["sh", "-c", "taken=x; while :; do taken=$taken$taken; done"],
            "resources": { "limits": limits, "requests": limits },
        }],
    }));
    wait_for_report(&[
        ("pod hello-", "took more memory than it may: --set resources.limits.memory"),
        ("", "OOMKilled"),
    ]);

    patch(json!({ "hostNetwork": true }));
    wait_for_report(&[
        ("deployment hello", "admits no such pod: kubectl label namespace hello pod-security"),
        ("", r#"violates PodSecurity "restricted"#),
    ]);
}

/// Each configuration of kubectl is invalid in another way.
pub(crate) fn reports_an_invalid_configuration_of_kubectl() {
    let user = |user: &str| {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{{name: a, context: {{cluster: a, user: a}}}}]\n\
             clusters: [{{name: a, cluster: {{server: \"https://127.0.0.1:1\"}}}}]\nusers: [{user}]\n"
        )
    };
    let plugin = user(
        "{name: a, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: nowhere, interactiveMode: Never}}}",
    );
    for (config, error) in [
        ("not: [yaml", "kubectl cannot read its configuration: error loading config file"),
        (user("").as_str(), "context a has no user with credentials"),
        (plugin.as_str(), "executable nowhere not found"),
    ] {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        fs::write(&file, config).expect("written");
        let mut doctor = Command::new(workspace().join("scripts/doctor.sh"));
        doctor.env("KUBECONFIG", file.path());
        let output = run_to_exit(doctor).output();
        assert!(output.contains(error), "no {error:?} in:\n{output}");
    }
}

pub(crate) fn reports_what_keeps_a_container_from_starting() {
    let hello = Namespace::new("hello");
    hello.helm("install", &["chart", "--set", "extraEnv[0].name=A,extraEnv[0].valueFrom.secretKeyRef.name=absent,extraEnv[0].valueFrom.secretKeyRef.key=a"]);
    wait_for_report(&[
        ("pod hello-", "a ConfigMap or Secret that env, extraEnv or envFrom names is not there"),
        ("", "CreateContainerConfigError"),
    ]);
    hello.helm("upgrade", &["chart", "--set", "image.repository=Hello"]);
    wait_for_report(&[("pod hello-", "is no name of an image"), ("", "InvalidImageName")]);
    kubectl(&["set", "image", "deployment/hello", "--namespace", "hello", "hello=docker.io/library/busybox:1.37"]);
    wait_for_report(&[("pod hello-", "would run as root: --set podSecurityContext.runAsUser"), ("", "runAsNonRoot")]);
}

/// Drop guard: installs the metrics server, which `new` has removed.
struct WithoutMetrics;

impl WithoutMetrics {
    fn new() -> Self {
        kubectl(&["delete", "apiservice", "v1beta1.metrics.k8s.io"]);
        WithoutMetrics
    }
}

impl Drop for WithoutMetrics {
    fn drop(&mut self) {
        let manifest = workspace().join("tests/cluster/config/metrics-server.yaml");
        kubectl(&["apply", "--filename", &manifest.to_string_lossy()]);
        kubectl(&["wait", "apiservice/v1beta1.metrics.k8s.io", "--for=condition=Available"]);
    }
}

pub(crate) fn reports_what_spin_lacks() {
    let hello = Namespace::new("hello");
    hello.helm("install", &["chart", "--set", "runtime=spin"]);
    let report = wait_for_report(&[("deployment hello", "its RuntimeClass is not there: kubectl apply -f https://")]);
    let file = "/spin-operator.runtime-class.yaml,";
    assert!(report.split_whitespace().any(|word| word.starts_with("https://") && word.ends_with(file)), "{report}");

    let _class = RuntimeClass::new("absent");
    kubectl(&["rollout", "restart", "deployment/hello", "--namespace", "hello"]);
    let report = wait_for_report(&[("pod hello-", "its node, hello-node, has no Spin shim")]);
    assert!(report.contains(r#"no runtime for "absent" is configured"#), "{report}");

    // The node port belongs to another Service.
    hello.helm("upgrade", &["chart", "--set", "runtime=spin,spin.operator=true,service.type=ClusterIP"]);
    kubectl(&["create", "service", "nodeport", "other", "--namespace", "hello", "--tcp=80", "--node-port=30007"]);
    wait_for_report(&[
        ("NodePort", "30007 is taken by service hello/other"),
        ("SpinApp hello-spin", "has no SpinAppExecutor containerd-shim-spin: kubectl apply --namespace hello"),
    ]);
}
