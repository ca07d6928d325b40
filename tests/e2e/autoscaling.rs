//! The chart's autoscaler, with a real metrics server.

use crate::{
    cluster::{NODE_PORT, Namespace, get, on_the_node, pods, wait_for, wait_for_runtime, wait_until},
    load::Load,
    measures::measure,
};

pub(crate) fn load_scales_it_up_and_back() {
    let hello = Namespace::new("hello");
    // So small a request that the load of the other cases is more than the target.
    hello.deploy("autoscaling.enabled=true,autoscaling.maxReplicas=3,resources.requests.cpu=5m");
    wait_for_runtime(NODE_PORT, "native");
    wait_for("the autoscaler knows the load", || {
        get("hello", "hpa/hello")["status"]["currentMetrics"][0]["resource"]["current"]["averageUtilization"].as_u64()
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
