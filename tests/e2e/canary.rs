//! docs/CANARY.md: a gradual switch from native to Wasm, by its commands.

use std::fmt::{self, Display};

use serde_json::{Value, json};
use tests::workspace;

use crate::{
    argocd::wait_until_synced_and_healthy,
    cluster::{NODE_PORT, Namespace, get, kubectl, on_the_node, remove_namespace, wait_until},
    guides::{block, follow},
    load::Load,
    monitoring::Monitoring,
    repository::Repository,
};

const GUIDE: &str = "docs/CANARY.md";

pub(crate) fn argo_rollouts_aborts_and_promotes() {
    let monitoring = Monitoring::up();
    let _hello = Namespace::new("hello");
    let follow = |heading: &str| follow(&workspace(), GUIDE, heading);
    follow("Hand over");
    shorten_the_analysis();
    let native = stable();

    let load = Load::start(on_the_node(NODE_PORT));
    follow("Start a canary");
    follow("Break it");
    wait_until(Phase("Degraded"), || phase() == "Degraded");
    let output = follow("Watch");
    let without_digits = |text: &str| text.replace(|character: char| character.is_ascii_digit(), "#");
    assert!(without_digits(&output).starts_with(&without_digits(&block(GUIDE, "Break it", "text"))), "{output}");
    wait_until_all_are(&native);
    let outcome = load.end("a canary of Argo Rollouts, aborted");
    assert!(outcome.succeeded.contains_key("native"), "{outcome:?}");
    // Only requests to the canary have failed.
    assert_eq!(outcome.failed.keys().collect::<Vec<_>>(), [r#""status 503 Service Unavailable""#]);
    let canary = format!("hello-{}-", rollout()["status"]["currentPodHash"].as_str().expect("the status has a hash"));
    let failed = monitoring.query("max_over_time(http_requests_total{namespace=\"hello\", status!=\"200\"}[10m]) > 0");
    let pods: Vec<_> =
        failed.iter().map(|series| series["metric"]["pod"].as_str().expect("a series has a pod")).collect();
    assert!(!pods.is_empty() && pods.iter().all(|pod| pod.starts_with(&canary)), "{pods:?} are not pods of {canary}");

    let load = Load::start(on_the_node(NODE_PORT));
    follow("Fix it");
    wait_until("one canary of four", || {
        let status = rollout()["status"].take();
        status["phase"] == "Progressing" && status["updatedReplicas"] == 1 && status["availableReplicas"] == 4
    });
    wait_until(Phase("Healthy"), || phase() == "Healthy");
    let outcome = load.finish("a canary of Argo Rollouts, promoted");
    assert_eq!(outcome.succeeded.keys().collect::<Vec<_>>(), ["native", "wasi-0.3"]);
    assert_ne!(stable(), native);
    wait_until_all_are(&stable());
    let values = measurements();
    assert_eq!(values.len(), 4, "two metrics at two steps: {values:?}");
    assert!(values.iter().all(|value| (0.0..=2.5).contains(value)), "{values:?}");

    kubectl(&["delete", "rollout/hello", "--namespace", "hello"]);
}

fn rollout() -> Value {
    get("hello", "rollout/hello")
}

fn phase() -> Value {
    rollout()["status"]["phase"].take()
}

/// Returns the hash in the names of the stable pods.
fn stable() -> String {
    rollout()["status"]["stableRS"].as_str().expect("the status has a hash").to_owned()
}

/// Waits until there are exactly four pods, all with this hash.
fn wait_until_all_are(hash: &str) {
    wait_until(format_args!("four pods of {hash} and no others"), || {
        let list = get("hello", "pods");
        let pods = list["items"].as_array().expect("the list has items");
        pods.len() == 4 && pods.iter().all(|pod| pod["metadata"]["labels"]["rollouts-pod-template-hash"] == hash)
    });
}

/// Message of a time-out: the expected phase, and the status.
struct Phase(&'static str);

impl Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the Rollout is {}; its status is {}", self.0, rollout()["status"])
    }
}

/// Returns the measurements of the successful analyses.
fn measurements() -> Vec<f64> {
    let mut values = Vec::new();
    for run in list(&get("hello", "analysisruns")["items"]).filter(|run| run["status"]["phase"] == "Successful") {
        for result in list(&run["status"]["metricResults"]) {
            // A measurement without data is repeated.
            let successful = list(&result["measurements"]).filter(|measurement| measurement["phase"] == "Successful");
            values.extend(successful.map(|measurement| number(&measurement["value"])));
        }
    }
    values
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Rollouts writes `[0.99]`.
fn number(value: &Value) -> f64 {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is not text"));
    text.trim_matches(['[', ']']).parse().unwrap_or_else(|_| panic!("{text} is not a number"))
}

/// The analysis takes five minutes per step and requires responses within 0.1 s. Under this load twelve seconds are enough, and one
/// request in forty takes two seconds.
fn shorten_the_analysis() {
    let mut arguments = get("hello", "analysistemplate/hello")["spec"]["args"].take();
    for (name, value) in [("interval", "12s"), ("count", "1"), ("latency", "2.5")] {
        let argument = arguments
            .as_array_mut()
            .expect("the template has arguments")
            .iter_mut()
            .find(|argument| argument["name"] == name);
        argument.expect(name)["value"] = value.into();
    }
    let patch = json!({ "spec": { "args": arguments } }).to_string();
    kubectl(&["patch", "analysistemplate/hello", "--namespace", "hello", "--type=merge", "--patch", &patch]);
}

pub(crate) fn two_releases_share_the_connections() {
    remove_namespace("hello");
    let monitoring = Monitoring::up();
    let repository = Repository::new();
    let _applied = repository.apply("canary/releases");
    wait_until_synced_and_healthy("hello", &repository);
    wait_for_pods(3, 0);

    let load = Load::spread(on_the_node(NODE_PORT));
    repository.follow(GUIDE, "Add a canary");
    let query = block(GUIDE, "Count", "promql").replace("[1m]", "[10s]");
    wait_until("Wasm serves a quarter of the requests", || {
        let fractions = monitoring.query(&query);
        let wasm = fractions.iter().find(|fraction| fraction["metric"]["runtime"] == "wasi-0.3");
        wasm.is_some_and(|fraction| (0.2..0.3).contains(&number(&fraction["value"][1])))
    });
    let counted = follow(&workspace(), GUIDE, "Count");
    assert!(["native", "wasi-0.3"].iter().all(|runtime| counted.contains(runtime)), "{counted}");
    wait_until_synced_and_healthy("hello", &repository);
    wait_for_pods(3, 1);
    load.finish("a canary of two releases");

    let load = Load::start(on_the_node(NODE_PORT));
    repository.follow(GUIDE, "Promote");
    wait_for_pods(0, 3);
    repository.follow(GUIDE, "Roll back");
    wait_until_synced_and_healthy("hello", &repository);
    wait_for_pods(3, 1);
    load.finish("promotion and rollback of two releases");
}

/// Waits until there are exactly this many pods of each runtime.
fn wait_for_pods(native: usize, wasm: usize) {
    wait_until(format_args!("{native} native pods and {wasm} of Wasm"), || {
        let list = get("hello", "pods");
        let pods = list["items"].as_array().expect("the list has items");
        let of = |runtime: &str| pods.iter().filter(|pod| pod["metadata"]["labels"]["runtime"] == runtime).count();
        (of("native"), of("wasm")) == (native, wasm)
    });
}
