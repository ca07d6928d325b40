//! The format of the metrics, and the number of their series.

use std::{
    fs::{self, File},
    process::Command,
};

use libtest_mimic::Failed;
use tests::{Prometheus, Protocol, Server, host_command, native_command, request, run_to_exit, send};

use crate::alerts::default_rules;

/// Runs Prometheus's own linter.
pub(crate) fn metrics_pass_promtool(_runtime: &str, command: Command) {
    let server = Server::start(command);
    for path in ["/", "/nope", "/status/503"] {
        _ = server.get(path);
    }
    let metrics = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(&metrics, server.get_admin("/metrics").body).expect("the file is written");
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(File::open(&metrics).expect("the file is there"));
    let checked = run_to_exit(promtool);
    assert!(checked.succeeded() && checked.output().is_empty(), "{}", checked.output());
}

/// Clients can cause any method and status.
pub(crate) fn number_of_series_is_bounded() -> Result<(), Failed> {
    let servers = [("native", native_command()), ("p3", host_command("hello-wasi-0.3.wasm"))]
        .map(|(pod, command)| (pod, Server::start(command)));
    for (_, server) in &servers {
        for status in 200..600 {
            _ = server.get(&format!("/status/{status}"));
        }
        for method in ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "WHEN"] {
            for status in [200, 418, 503] {
                let path = format!("/status/{status}");
                _ = send(server.address, Protocol::Http1, request(method, &path, ""));
            }
        }
    }
    let prometheus = Prometheus::scrape(&default_rules(), servers.iter().map(|(pod, server)| (*pod, server.admin)));
    for (pod, _) in &servers {
        let selector = format!("{{pod=\"{pod}\"}}");
        prometheus.wait_for(&format!("scrape_samples_scraped{selector}"), |samples| {
            samples.iter().any(|sample| sample.value > 100.0)
        });
        prometheus.wait_for_value(&format!("sum(http_requests_total{selector})"), 427.0);
        let series = prometheus.query(&format!("scrape_samples_scraped{selector}"))[0].value;
        if series > 200.0 {
            return Err(format!("{pod} has {series} series").into());
        }
    }
    Ok(())
}
