//! A Prometheus that scrapes four pods, each with other requests.

use std::{collections::BTreeMap, process::Command, thread};

use libtest_mimic::Failed;
use tests::{
    Prometheus, Protocol, RELEASE, Sample, Server, dashboard, fill_variables, get, host_command, native_command,
    panels, request, send, start,
};

use crate::alerts::default_rules;

/// A pod, and the number of its responses by method and status.
struct Pod {
    name: &'static str,
    server: Server,
    responses: BTreeMap<[String; 2], f64>,
}

impl Pod {
    fn start(name: &'static str, command: Command) -> Self {
        let server = start(command, &["--max-in-flight", "1", "--request-timeout", "2s"]);
        Pod { name, server, responses: BTreeMap::new() }
    }

    fn count(&mut self, method: &str, status: u16) {
        *self.responses.entry([method.to_owned(), status.to_string()]).or_default() += 1.0;
    }

    fn send(&mut self, method: &str, path: &str) {
        let response = send(self.server.address, Protocol::Http1, request(method, path, ""));
        self.count(method, response.status.as_u16());
    }

    /// Sends requests while the request of this path has the only permit, so that they are rejected.
    fn send_rejected(&mut self, path: &'static str, requests: u32) {
        let address = self.server.address;
        let in_flight = thread::spawn(move || get(address, path).status.as_u16());
        self.server.wait_for_metric("http_requests_in_flight", 1.0);
        for _ in 0..requests {
            self.send("GET", "/");
        }
        self.count("GET", in_flight.join().expect("the request in flight gets its response"));
    }
}

pub(crate) fn prometheus_counts_each_request() -> Result<(), Failed> {
    let mut pods = [
        Pod::start("native", native_command()),
        Pod::start("p2", host_command("hello-wasi-0.2.wasm")),
        Pod::start("p3", host_command("hello-wasi-0.3.wasm")),
        Pod::start("misbehaving", host_command("guest_p3.wasm")),
    ];
    let prometheus = Prometheus::scrape(&default_rules(), pods.iter().map(|pod| (pod.name, pod.server.admin)));
    // Requests before the first scrape would be no increase.
    for pod in &pods {
        prometheus.wait_for_value(&format!("http_requests_in_flight_limit{{pod=\"{}\"}}", pod.name), 1.0);
    }
    for (index, pod) in pods.iter_mut().enumerate() {
        for _ in 0..=index {
            pod.send("GET", "/");
            pod.send("HEAD", "/");
        }
        if pod.name == "misbehaving" {
            pod.send("GET", "/trap");
            pod.send("GET", "/never");
            pod.send_rejected("/never", 3);
        } else {
            pod.send("GET", "/nope");
            pod.send("POST", "/");
            pod.send("GET", "/status/500");
            pod.send("GET", "/status/302");
            pod.send_rejected("/delay/1.9", 5);
        }
    }
    for pod in &pods {
        let selector = format!("{{job=\"{RELEASE}\", pod=\"{}\"}}", pod.name);
        let responses = |samples: &[Sample]| {
            let pair = |sample: &Sample| (["method", "status"].map(|label| sample.label(label)), sample.value);
            samples.iter().filter(|sample| sample.value > 0.0).map(pair).collect::<BTreeMap<_, _>>()
        };
        let requests = format!("http_requests_total{selector}");
        prometheus.wait_for(&requests, |samples| responses(samples) == pod.responses);
        let total = pod.responses.values().sum();
        prometheus.wait_for_value(&format!("sum(http_request_duration_seconds_count{selector})"), total);
        let rejected = if pod.name == "misbehaving" { 3.0 } else { 5.0 };
        prometheus.wait_for_value(&format!("http_requests_shed_total{selector}"), rejected);
    }
    for (reason, expected) in [("trap", 1.0), ("timeout", 2.0), ("error", 0.0), ("instantiation", 0.0)] {
        let query = format!("wasm_instance_failures_total{{pod=\"misbehaving\", reason=\"{reason}\"}}");
        prometheus.wait_for_value(&query, expected);
    }
    dashboard_queries_have_results(&prometheus)
}

fn dashboard_queries_have_results(prometheus: &Prometheus) -> Result<(), Failed> {
    let dashboard = dashboard();
    let mut empty = Vec::new();
    for variable in dashboard["templating"]["list"].as_array().expect("the dashboard has variables") {
        let Some(query) = variable["query"]["query"].as_str() else { continue };
        let values = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(")"));
        let (selector, label) = values.and_then(|rest| rest.rsplit_once(", ")).expect("label_values(selector, label)");
        if prometheus.query(&fill_variables(selector, "1m")).iter().all(|sample| sample.label(label).is_empty()) {
            empty.push(query.to_owned());
        }
    }
    let queries: Vec<_> = panels().into_iter().flat_map(|panel| panel.targets).map(|(_legend, query)| query).collect();
    let has_result =
        |query: &&String| prometheus.query(&fill_variables(query, "1m")).iter().any(|sample| !sample.value.is_nan());
    empty.extend(queries.iter().filter(|query| !has_result(query)).cloned());
    if !queries.is_empty() && empty.is_empty() {
        Ok(())
    } else {
        Err(format!("of {} queries, these have no result: {empty:#?}", queries.len()).into())
    }
}
