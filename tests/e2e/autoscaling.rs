//! The chart's autoscaler, with a real metrics server and a real adapter for Prometheus.

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

/// Number of clients: more than the target of two pods in docs/OPERATIONS.md, and less than the limit of one pod.
const CLIENTS: usize = 120;

/// Requests of a client, which take as long together as the longest wait.
const REQUESTS_PER_CLIENT: usize = 36;
const SLOW_PATH: &str = "/delay/5";

pub(crate) fn cpu_load_scales_up_and_down() {
    let hello = Namespace::new("hello");
    // The target is 8m. Under the load of the other cases a pod uses several times as much, and without load a fraction of it.
    hello.deploy("autoscaling.enabled=true,autoscaling.maxReplicas=3,resources.requests.cpu=10m");
    wait_for_runtime(NODE_PORT, "native");
    wait_for("the autoscaler has the load of the pod", || {
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

/// The requests wait and use no CPU time, so that the load alone would not scale up.
pub(crate) fn requests_in_flight_scale_up() {
    let _monitoring = Monitoring::up();
    let _hello = Namespace::new("hello");
    follow(&workspace(), "docs/OPERATIONS.md", "Scaling");
    wait_for_runtime(NODE_PORT, "native");
    assert_eq!(wait_for("the autoscaler reads the requests in flight", in_flight), "0");
    let path = "/apis/custom.metrics.k8s.io/v1beta1/namespaces/hello/pods/*/http_requests_in_flight";
    let metrics: Value = serde_json::from_str(&kubectl(&["get", "--raw", path])).expect("the metrics are JSON");
    assert_eq!(metrics["items"][0]["describedObject"]["name"], pods("hello")[0].as_str(), "{metrics}");

    let is_scaled_up = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                (0..REQUESTS_PER_CLIENT).take_while(|_| !is_scaled_up.load(Relaxed)).for_each(|_| {
                    _ = try_get(NODE_PORT, SLOW_PATH);
                });
            });
        }
        wait_until("more than one pod", || {
            get("hello", "deployment/hello")["status"]["readyReplicas"].as_u64() > Some(1)
        });
        is_scaled_up.store(true, Relaxed);
    });
    let scaler = get("hello", "hpa/hello");
    let events = kubectl(&["get", "events", "--namespace", "hello", "--output", "jsonpath={.items[*].message}"]);
    assert!(events.contains("pods metric http_requests_in_flight above target"), "{events}: {scaler}");
}

/// Returns the average of requests in flight per pod that the autoscaler has read last.
fn in_flight() -> Option<String> {
    let scaler = get("hello", "hpa/hello");
    let mut metrics = scaler["status"]["currentMetrics"].as_array()?.iter();
    let average = metrics.find_map(|metric| metric["pods"]["current"]["averageValue"].as_str())?;
    Some(average.to_owned())
}
