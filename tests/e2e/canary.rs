//! docs/CANARY.md: from native to Wasm a part at a time, by its commands.

use std::fmt::{self, Display};

use serde_json::{Value, json};
use tests::workspace;

use crate::{
    argocd::{Repository, wait_until_synced_and_healthy},
    cluster::{NODE_PORT, Namespace, get, kubectl, on_the_node, remove_namespace, wait_until},
    guides::{block, follow},
    load::Load,
    monitoring::Monitoring,
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
    let told = follow("Watch");
    let revision = |text: &str| text.replace(|character: char| character.is_ascii_digit(), "#");
    assert!(revision(&told).starts_with(&revision(&block(GUIDE, "Break it", "text"))), "{told}");
    wait_until_all_are(&native);
    let outcome = load.end("a canary of Argo Rollouts, aborted");
    assert!(outcome.answered.contains_key("native"), "{outcome:?}");
    // All that was lost are answers of the canary.
    assert_eq!(outcome.failed.keys().collect::<Vec<_>>(), [r#""status 503 Service Unavailable""#]);
    let canary = format!("hello-{}-", rollout()["status"]["currentPodHash"].as_str().expect("a hash"));
    let lost = monitoring.query("max_over_time(http_requests_total{namespace=\"hello\", status!=\"200\"}[10m]) > 0");
    let by: Vec<_> = lost.iter().map(|series| series["metric"]["pod"].as_str().expect("a pod")).collect();
    assert!(!by.is_empty() && by.iter().all(|pod| pod.starts_with(&canary)), "{by:?} are not {canary}");

    let load = Load::start(on_the_node(NODE_PORT));
    follow("Fix it");
    wait_until("one canary of four", || {
        let status = rollout()["status"].take();
        status["phase"] == "Progressing" && status["updatedReplicas"] == 1 && status["availableReplicas"] == 4
    });
    wait_until(Phase("Healthy"), || phase() == "Healthy");
    let outcome = load.finish("a canary of Argo Rollouts, promoted");
    assert_eq!(outcome.answered.keys().collect::<Vec<_>>(), ["native", "wasi-0.3"]);
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

/// The hash in the names of those pods that answer when a canary is gone.
fn stable() -> String {
    rollout()["status"]["stableRS"].as_str().expect("a hash").to_owned()
}

/// Waits until there are the four pods of one hash, and those that ended are gone.
fn wait_until_all_are(hash: &str) {
    wait_until(format_args!("four pods of {hash} and no others"), || {
        let list = get("hello", "pods");
        let pods = list["items"].as_array().expect("pods");
        pods.len() == 4 && pods.iter().all(|pod| pod["metadata"]["labels"]["rollouts-pod-template-hash"] == hash)
    });
}

/// For a message: what was wanted, and what is.
struct Phase(&'static str);

impl Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the Rollout is {}; it is {}", self.0, rollout()["status"])
    }
}

/// What the analyses that let a canary pass have measured.
fn measurements() -> Vec<f64> {
    let mut values = Vec::new();
    for run in list(&get("hello", "analysisruns")["items"]).filter(|run| run["status"]["phase"] == "Successful") {
        for result in list(&run["status"]["metricResults"]) {
            // One that found nothing yet has been repeated.
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
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no text"));
    text.trim_matches(['[', ']']).parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

/// The published one takes five minutes a step, and wants answers in a tenth of a second. This load is never idle, so that twelve seconds
/// say enough, and has one request in forty take two seconds.
fn shorten_the_analysis() {
    let mut arguments = get("hello", "analysistemplate/hello")["spec"]["args"].take();
    for (name, value) in [("interval", "12s"), ("count", "1"), ("latency", "2.5")] {
        let argument = arguments.as_array_mut().expect("a list").iter_mut().find(|argument| argument["name"] == name);
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
    let shares = block(GUIDE, "Count", "promql").replace("[1m]", "[10s]");
    wait_until("a quarter of the requests is answered by Wasm", || {
        let shares = monitoring.query(&shares);
        let wasm = shares.iter().find(|share| share["metric"]["runtime"] == "wasi-0.3");
        wasm.is_some_and(|share| (0.2..0.3).contains(&number(&share["value"][1])))
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

/// Waits until there are so many pods of either runtime, and those that ended are gone.
fn wait_for_pods(native: usize, wasm: usize) {
    wait_until(format_args!("{native} native pods and {wasm} of Wasm"), || {
        let list = get("hello", "pods");
        let pods = list["items"].as_array().expect("pods");
        let of = |runtime: &str| pods.iter().filter(|pod| pod["metadata"]["labels"]["runtime"] == runtime).count();
        (of("native"), of("wasm")) == (native, wasm)
    });
}
