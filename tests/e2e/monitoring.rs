//! `make monitoring`, with a real Prometheus in the cluster.

use tests::{Protocol, request, try_send};

use crate::cluster::{NODE_PORT, Namespace, make, on_the_node, wait_for_runtime, wait_until};

/// The port on the node in docs/telemetry/prometheus.yaml.
const PROMETHEUS: u16 = 30090;

pub(crate) fn prometheus_scrapes_both_runtimes() {
    let monitoring = Monitoring::up();
    let output = &monitoring.output;
    assert!(output.contains(&format!("Prometheus is at http://{}", on_the_node(PROMETHEUS))), "{output}");
    // The output links to each panel.
    let links: Vec<_> = output.lines().filter_map(|line| Some(line.split_once("/graph?")?.1)).collect();
    assert!(links.len() > 20, "{output}");

    let hello = Namespace::new("hello");
    for (runtime, responding) in [("native", "native"), ("wasm", "wasi-0.3")] {
        hello.deploy(&format!("scrapeAnnotations=true,runtime={runtime}"));
        wait_for_runtime(NODE_PORT, responding);
        let scraped =
            format!("up{{namespace=\"hello\",job=\"hello\"}} * on (pod) build_info{{runtime=\"{responding}\"}} == 1");
        wait_until(format!("{responding} is scraped"), || !monitoring.query(&scraped).is_empty());
    }
    for link in links {
        let expression = link.split_once("g0.expr=").expect("a link has an expression").1;
        let response = get(&format!("/api/v1/query?query={expression}"));
        assert_eq!(response["status"], "success", "{expression}");
    }
    // The chart's alerts are loaded, and none fires because there are no metrics.
    let groups = get("/api/v1/rules?type=alert")["data"]["groups"].take();
    assert!(groups.to_string().contains("HelloLatencyBudgetBurn"), "{groups}");
    assert!(monitoring.query("ALERTS{alertname=\"HelloIsDown\",alertstate=\"firing\"}").is_empty());
}

fn get(path: &str) -> serde_json::Value {
    let response = try_send(on_the_node(PROMETHEUS), Protocol::Http1, request("GET", path, ""));
    response.map_or_else(|error| panic!("{path}: {error}"), |response| response.json())
}

/// A Prometheus in the cluster. It is removed on drop.
pub(crate) struct Monitoring {
    output: String,
}

impl Monitoring {
    pub(crate) fn up() -> Self {
        let mut monitoring = Monitoring { output: String::new() };
        monitoring.output = make("monitoring");
        monitoring
    }

    /// Returns the current result of an expression.
    #[allow(clippy::unused_self)] // Without `make monitoring` there is no Prometheus.
    pub(crate) fn query(&self, expression: &str) -> Vec<serde_json::Value> {
        let encoded: String = form_urlencoded::byte_serialize(expression.as_bytes()).collect();
        let response = get(&format!("/api/v1/query?query={encoded}"));
        response["data"]["result"].as_array().unwrap_or_else(|| panic!("{expression}: {response}")).clone()
    }
}

impl Drop for Monitoring {
    fn drop(&mut self) {
        make("monitoring-down");
    }
}
