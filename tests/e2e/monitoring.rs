//! `make monitoring`, with a real Prometheus in the cluster.

use tests::{Protocol, request, try_send};

use crate::cluster::{NODE_PORT, Namespace, make, on_the_node, wait_for_runtime, wait_until};

/// As docs/telemetry/prometheus.yaml has it.
const PROMETHEUS: u16 = 30090;

pub(crate) fn prometheus_sees_both_runtimes() {
    let monitoring = Monitoring::up();
    let told = &monitoring.told;
    assert!(told.contains(&format!("Prometheus is at http://{}", on_the_node(PROMETHEUS))), "{told}");
    // All of the panels can be asked for as they are printed.
    let links: Vec<_> = told.lines().filter_map(|line| Some(line.split_once("/graph?")?.1)).collect();
    assert!(links.len() > 20, "{told}");

    let hello = Namespace::new("hello");
    for (runtime, answers) in [("native", "native"), ("wasm", "wasi-0.3")] {
        hello.deploy(&format!("scrapeAnnotations=true,runtime={runtime}"));
        wait_for_runtime(NODE_PORT, answers);
        let scraped =
            format!("up{{namespace=\"hello\",job=\"hello\"}} * on (pod) build_info{{runtime=\"{answers}\"}} == 1");
        wait_until(format!("{answers} is scraped"), || !monitoring.query(&scraped).is_empty());
    }
    for link in links {
        let expression = link.split_once("g0.expr=").expect("an expression").1;
        let answer = get(&format!("/api/v1/query?query={expression}"));
        assert_eq!(answer["status"], "success", "{expression}");
    }
    // The chart's alerts are there, and none fires for want of metrics.
    let groups = get("/api/v1/rules?type=alert")["data"]["groups"].take();
    assert!(groups.to_string().contains("HelloLatencyBudgetBurn"), "{groups}");
    assert!(monitoring.query("ALERTS{alertname=\"HelloIsDown\",alertstate=\"firing\"}").is_empty());
}

fn get(path: &str) -> serde_json::Value {
    let answer = try_send(on_the_node(PROMETHEUS), Protocol::Http1, request("GET", path, ""));
    answer.map_or_else(|error| panic!("{path}: {error}"), |answer| answer.json())
}

/// A Prometheus in the cluster, until this is dropped.
pub(crate) struct Monitoring {
    told: String,
}

impl Monitoring {
    pub(crate) fn up() -> Self {
        let mut monitoring = Monitoring { told: String::new() };
        monitoring.told = make("monitoring");
        monitoring
    }

    /// What an expression gives at this moment.
    #[allow(clippy::unused_self)] // There is none to ask without.
    pub(crate) fn query(&self, expression: &str) -> Vec<serde_json::Value> {
        let encoded: String = form_urlencoded::byte_serialize(expression.as_bytes()).collect();
        let answer = get(&format!("/api/v1/query?query={encoded}"));
        answer["data"]["result"].as_array().unwrap_or_else(|| panic!("{expression}: {answer}")).clone()
    }
}

impl Drop for Monitoring {
    fn drop(&mut self) {
        make("monitoring-down");
    }
}
