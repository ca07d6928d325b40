//! Values of the chart, whose manifests the API server accepts and runs.

use std::{collections::BTreeSet, fs, process::Command};

use tests::{CHART_ALL, CHART_FEATURES, Exit, SPIN_APP_FIELDS, run_to_exit, workspace};

use crate::{
    cluster::{NODE_PORT, Namespace, kubectl, node_port, pods, try_kubectl, wait_for_runtime, wait_until},
    load::Load,
};

fn helm(program: &str, arguments: &[&str]) -> Exit {
    let mut command = Command::new(program);
    command.current_dir(workspace()).args(arguments);
    run_to_exit(command)
}

/// Applies the objects of each pair of values that the chart does not reject.
pub(crate) fn objects_of_all_pairs_are_accepted() {
    let _hello = Namespace::new("hello");
    let mut objects = BTreeSet::new();
    for (index, first) in CHART_FEATURES.iter().enumerate() {
        for second in &CHART_FEATURES[index + 1..] {
            let values = format!("{first},{second}");
            let rendered = helm("helm", &["template", "hello", "chart", "--namespace", "hello", "--set", &values]);
            if rendered.succeeded() {
                objects
                    .extend(rendered.stdout.split("\n---\n").map(|object| object.trim_matches(['-', '\n']).to_owned()));
            }
        }
    }
    assert!(objects.len() > 100, "{} objects", objects.len());
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(&file, objects.into_iter().collect::<Vec<_>>().join("\n---\n")).expect("the file is written");
    kubectl(&[
        "create",
        "--dry-run=server",
        "--validate=strict",
        "--output=name",
        "-f",
        &file.path().to_string_lossy(),
    ]);
}

/// The names are numbers and booleans in YAML. Several releases with the default values run in one cluster, except for the port.
pub(crate) fn namespaces_may_look_like_numbers_in_yaml() {
    let names = ["1e3", "42", "0777", "true"];
    let namespaces = names.map(Namespace::new);
    for namespace in &namespaces {
        namespace.helm("install", &["chart", "--set", "runtime=wasm,service.nodePort=0"]);
    }
    for name in names {
        wait_for_runtime(node_port(name), "wasi-0.3");
    }
}

/// A rejected release leaves no object.
pub(crate) fn names_of_no_service_are_rejected() {
    let _hello = Namespace::new("hello");
    for name in ["my.hello", "2048-hello"] {
        let rejected = helm("helm", &["install", name, "chart", "--namespace", "hello"]);
        assert!(!rejected.succeeded() && rejected.output().contains("no Service can have"), "{}", rejected.output());
    }
    let left =
        kubectl(&["get", "all,secrets,serviceaccounts,networkpolicies", "--namespace", "hello", "--output", "name"]);
    assert_eq!(left.trim(), "serviceaccount/default");
}

/// Installs, upgrades, tests and removes a release with an old version of Helm.
pub(crate) fn old_helm_manages_a_release(program: &str) {
    let _hello = Namespace::new("hello");
    let run = |arguments: &[&str]| {
        let exit = helm(program, &[arguments, &["--namespace", "hello", "--timeout", "50s"]].concat());
        assert!(exit.succeeded(), "{program} {}: {}", arguments.join(" "), exit.output());
    };
    run(&["install", "hello", "chart", "--wait", "--set", CHART_ALL]);
    run(&["upgrade", "hello", "chart", "--wait", "--reset-then-reuse-values", "--set", "runtime=wasm"]);
    wait_for_runtime(NODE_PORT, "wasi-0.3");
    run(&["test", "hello"]);
    run(&["uninstall", "hello", "--wait"]);
    wait_until("no pod is left", || pods("hello").is_empty());
}

/// The file has a Secret, a `ConfigMap` and hosts for outbound requests.
pub(crate) fn one_file_of_values_serves_each_runtime() {
    let hello = Namespace::new("hello");
    kubectl(&["create", "secret", "generic", "api", "--namespace=hello", "--from-literal=key=secret"]);
    kubectl(&["create", "configmap", "texts", "--namespace=hello", "--from-literal=greeting=Good morning"]);
    let values = tempfile::NamedTempFile::new().expect("a temporary file");
    let text = "allowedOutboundHosts: [\"https://api.example:443\", \"*.example\"]\n\
                env:\n\
                - {name: API_KEY, valueFrom: {secretKeyRef: {name: api, key: key}}}\n\
                extraEnv:\n\
                - {name: HELLO_MESSAGE, valueFrom: {configMapKeyRef: {name: texts, key: greeting}}}\n\
                - {name: HELLO_MAX_INSTANCES, value: \"64\"}\n";
    fs::write(&values, text).expect("the file is written");
    let file = values.path().to_string_lossy().into_owned();
    let deploy = |runtime: &str| {
        let set = format!("runtime={runtime}");
        hello.helm("upgrade", &["chart", "--install", "--values", &file, "--set", &set, "--wait", "--timeout", "50s"]);
    };
    deploy("native");
    wait_for_runtime(NODE_PORT, "native");
    for (runtime, responding) in [("wasm", "wasi-0.3"), ("native", "native")] {
        let load = Load::start(crate::cluster::on_the_node(NODE_PORT));
        deploy(runtime);
        assert_eq!(wait_for_runtime(NODE_PORT, responding)["message"], "Good morning");
        load.finish("a switch of the runtime with a Secret, a ConfigMap and outbound hosts");
    }
}

/// The definition of the kind has each field that the chart uses.
pub(crate) fn spin_app_has_each_field_of_the_chart() {
    for (value, field) in SPIN_APP_FIELDS {
        let explained = try_kubectl(&["explain", &format!("spinapp.spec.{field}")]);
        assert!(explained.succeeded(), "{value}: {}", explained.output());
    }
}
