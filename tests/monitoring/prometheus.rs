//! A real Prometheus that scrapes what it is told to, several times a second.

use std::{
    error::Error,
    fmt::Write,
    fs,
    net::SocketAddr,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;
use tests::{PATIENCE, Process, Protocol, request, try_send};

use crate::free_address;

pub(crate) struct Prometheus {
    address: SocketAddr,
    _process: Process,
    _folder: TempDir,
}

/// One element of a vector.
#[derive(Debug)]
pub(crate) struct Sample {
    labels: Value,
    pub(crate) value: f64,
}

impl Sample {
    /// A label, or nothing.
    pub(crate) fn label(&self, name: &str) -> String {
        self.labels[name].as_str().unwrap_or_default().to_owned()
    }
}

impl Prometheus {
    /// Starts one with these rules, which scrapes these pods by their admin ports.
    pub(crate) fn scrape<'a>(rules: &str, pods: impl Iterator<Item = (&'a str, SocketAddr)>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = "global: {scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 1s}\n\
                          rule_files: [rules.yaml]\n\
                          scrape_configs:\n- job_name: hello\n  static_configs:\n"
            .to_owned();
        for (pod, admin) in pods {
            writeln!(config, "  - {{targets: [\"{admin}\"], labels: {{namespace: hello, pod: {pod}}}}}").expect("text");
        }
        fs::write(folder.path().join("prometheus.yaml"), config).expect("written");
        fs::write(folder.path().join("rules.yaml"), rules).expect("written");
        let address = free_address();
        let mut command = Command::new("prometheus");
        command
            .args(["--config.file=prometheus.yaml", "--storage.tsdb.path=data", "--log.level=error"])
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder.path());
        let process = Process::start(command, Stdio::null(), Stdio::inherit());
        let prometheus = Prometheus { address, _process: process, _folder: folder };
        prometheus.wait_for("vector(1)", |samples| !samples.is_empty());
        prometheus
    }

    /// What an instant query gives now.
    pub(crate) fn query(&self, query: &str) -> Vec<Sample> {
        self.ask(query).unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    /// Waits until a query gives what is wanted.
    pub(crate) fn wait_for(&self, query: &str, wanted: impl Fn(&[Sample]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Nothing, until it listens and has started.
            let samples = self.ask(query).unwrap_or_default();
            if wanted(&samples) {
                return;
            }
            assert!(Instant::now() < deadline, "{query} still gives {samples:#?}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until a query gives this whole number.
    pub(crate) fn wait_for_value(&self, query: &str, expected: f64) {
        self.wait_for(query, |samples| samples.iter().any(|sample| (sample.value - expected).abs() < 0.5));
    }

    fn ask(&self, query: &str) -> Result<Vec<Sample>, Box<dyn Error + Send + Sync>> {
        let form = form_urlencoded::Serializer::new(String::new()).append_pair("query", query).finish();
        let mut asked = request("POST", "/api/v1/query", form);
        asked.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse()?);
        let answer: Value = serde_json::from_slice(&try_send(self.address, Protocol::Http1, asked)?.body)?;
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        let sample = |result: &Value| Sample {
            labels: result["metric"].clone(),
            value: result["value"][1].as_str().and_then(|text| text.parse().ok()).expect("a number"),
        };
        Ok(answer["data"]["result"].as_array().expect("a vector").iter().map(sample).collect())
    }
}
