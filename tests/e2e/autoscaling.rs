//! The chart's autoscaler, with a real metrics server and a real adapter for metrics of Prometheus.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

use serde_json::Value;
use tests::workspace;

use crate::{
    cluster::{NODE_PORT, Namespace, get, kubectl, on_the_node, pods, try_get, wait_for, wait_for_runtime, wait_until},
    guides::follow,
    load::Load,
    measures::measure,
    monitoring::Monitoring,
};

/// More than two of the pods that docs/OPERATIONS.md has may have in flight, and fewer than one lets in.
const CALLERS: usize = 120;

/// Each for as long as anything is waited for.
const REQUESTS_OF_A_CALLER: usize = 36;
const REQUEST: &str = "/delay/5";

pub(crate) fn load_scales_it_up_and_back() {
    let hello = Namespace::new("hello");
    // The load of the other cases is several times the target of 8m, and that of pods without load, with probes, a fraction of it.
    hello.deploy("autoscaling.enabled=true,autoscaling.maxReplicas=3,resources.requests.cpu=10m");
    wait_for_runtime(NODE_PORT, "native");
    wait_for("the autoscaler knows the load", || {
        get("hello", "hpa/hello")["status"]["currentMetrics"][0]["containerResource"]["current"]["averageUtilization"]
            .as_u64()
    });
    assert_eq!(pods("hello").len(), 1);

    let load = Load::start(on_the_node(NODE_PORT));
    wait_until("more than one pod", || get("hello", "deployment/hello")["status"]["readyReplicas"].as_u64() > Some(1));
    measure("autoscaling: pods under load", pods("hello").len().to_string());
    load.finish("scaling up");

    let quiet = Load::idle(on_the_node(NODE_PORT));
    wait_until("one pod again", || pods("hello").len() == 1);
    quiet.finish("scaling down");
}

/// They wait, and take no processor: by that alone there would be one pod.
pub(crate) fn requests_in_flight_scale_it_up() {
    let _monitoring = Monitoring::up();
    let _hello = Namespace::new("hello");
    follow(&workspace(), "docs/OPERATIONS.md", "Scaling");
    wait_for_runtime(NODE_PORT, "native");
    assert_eq!(wait_for("the autoscaler reads the requests in flight", in_flight), "0");
    let served = "/apis/custom.metrics.k8s.io/v1beta1/namespaces/hello/pods/*/http_requests_in_flight";
    let served: Value = serde_json::from_str(&kubectl(&["get", "--raw", served])).expect("JSON");
    assert_eq!(served["items"][0]["describedObject"]["name"], pods("hello")[0].as_str(), "{served}");

    let enough = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                (0..REQUESTS_OF_A_CALLER).take_while(|_| !enough.load(Relaxed)).for_each(|_| {
                    _ = try_get(NODE_PORT, REQUEST);
                });
            });
        }
        wait_until("more than one pod", || {
            get("hello", "deployment/hello")["status"]["readyReplicas"].as_u64() > Some(1)
        });
        enough.store(true, Relaxed);
    });
    let scaler = get("hello", "hpa/hello");
    let events = kubectl(&["get", "events", "--namespace", "hello", "--output", "jsonpath={.items[*].message}"]);
    assert!(events.contains("pods metric http_requests_in_flight above target"), "{events}: {scaler}");
}

/// What the autoscaler has last been told, on average of the pods.
fn in_flight() -> Option<String> {
    let scaler = get("hello", "hpa/hello");
    let mut metrics = scaler["status"]["currentMetrics"].as_array()?.iter();
    let told = metrics.find_map(|metric| metric["pods"]["current"]["averageValue"].as_str())?;
    Some(told.to_owned())
}
