//! A real Prometheus that scrapes servers several times per second.

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

use crate::{Process, Protocol, TIMEOUT, free_address, request, try_send};

/// A running Prometheus. It is killed on drop.
pub struct Prometheus {
    address: SocketAddr,
    _process: Process,
    _folder: TempDir,
}

/// One element of a vector.
#[derive(Debug)]
pub struct Sample {
    labels: Value,
    /// The current value.
    pub value: f64,
}

impl Sample {
    /// Returns a label, which is empty if there is no such label.
    #[must_use]
    pub fn label(&self, name: &str) -> String {
        self.labels[name].as_str().unwrap_or_default().to_owned()
    }
}

/// A value over time.
#[derive(Debug)]
pub struct Series {
    labels: Value,
    /// Time, in seconds since 1970, and value.
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// Returns the name by a legend of Grafana, which names labels as `{{label}}`.
    ///
    /// # Panics
    /// Panics if the series has no labels.
    #[must_use]
    pub fn name(&self, legend: &str) -> String {
        let labels = self.labels.as_object().expect("a series has labels");
        labels.iter().fold(legend.to_owned(), |name, (label, value)| {
            name.replace(&format!("{{{{{label}}}}}"), value.as_str().unwrap_or_default())
        })
    }
}

impl Prometheus {
    /// Starts Prometheus with rules. It scrapes the pods by their admin ports.
    ///
    /// # Panics
    /// Panics if Prometheus does not start.
    pub fn scrape<'a>(rules: &str, pods: impl Iterator<Item = (&'a str, SocketAddr)>) -> Self {
        Prometheus::scrape_by("prometheus", rules, pods)
    }

    /// Does the same with another program, such as another version.
    ///
    /// # Panics
    /// Panics if the program does not start.
    pub fn scrape_by<'a>(program: &str, rules: &str, pods: impl Iterator<Item = (&'a str, SocketAddr)>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = "global: {scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 1s}\n\
                          rule_files: [rules.yaml]\n\
                          scrape_configs:\n- job_name: hello\n  static_configs:\n"
            .to_owned();
        for (pod, admin) in pods {
            writeln!(config, "  - {{targets: [\"{admin}\"], labels: {{namespace: hello, pod: {pod}}}}}")
                .expect("a string can be written to");
        }
        fs::write(folder.path().join("prometheus.yaml"), config).expect("the file is written");
        fs::write(folder.path().join("rules.yaml"), rules).expect("the file is written");
        let address = free_address();
        let mut command = Command::new(program);
        command
            .args(["--config.file=prometheus.yaml", "--storage.tsdb.path=data", "--log.level=error"])
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder.path());
        let process = Process::start(&command, Stdio::null(), Stdio::inherit());
        let prometheus = Prometheus { address, _process: process, _folder: folder };
        prometheus.wait_for("vector(1)", |samples| !samples.is_empty());
        prometheus
    }

    /// Returns the result of an instant query.
    ///
    /// # Panics
    /// Panics if Prometheus rejects the query.
    #[must_use]
    pub fn query(&self, query: &str) -> Vec<Sample> {
        self.try_query(query).unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    /// Returns the result of a query for every second of a time range, in seconds since 1970.
    ///
    /// # Errors
    /// The error of Prometheus.
    ///
    /// # Panics
    /// Panics if the result is not a matrix.
    pub fn range(&self, query: &str, from: f64, to: f64) -> Result<Vec<Series>, Box<dyn Error + Send + Sync>> {
        let (from, to) = (from.to_string(), to.to_string());
        let response = self.post("query_range", &[("query", query), ("start", &from), ("end", &to), ("step", "1")])?;
        let number = |value: &Value| value.as_str().and_then(|text| text.parse().ok()).expect("the value is a number");
        let series = |result: &Value| Series {
            labels: result["metric"].clone(),
            points: (result["values"].as_array().expect("a series has points").iter())
                .map(|point| (point[0].as_f64().expect("a point has a time"), number(&point[1])))
                .collect(),
        };
        Ok(response["data"]["result"].as_array().expect("the result is a matrix").iter().map(series).collect())
    }

    /// Waits until the result of a query fulfils a condition.
    ///
    /// # Panics
    /// Panics after [`TIMEOUT`].
    pub fn wait_for(&self, query: &str, is_wanted: impl Fn(&[Sample]) -> bool) {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            // The query fails until Prometheus has started.
            let samples = self.try_query(query).unwrap_or_default();
            if is_wanted(&samples) {
                return;
            }
            assert!(Instant::now() < deadline, "{query} still returns {samples:#?}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until a query returns this integer.
    pub fn wait_for_value(&self, query: &str, expected: f64) {
        self.wait_for(query, |samples| samples.iter().any(|sample| (sample.value - expected).abs() < 0.5));
    }

    fn try_query(&self, query: &str) -> Result<Vec<Sample>, Box<dyn Error + Send + Sync>> {
        let response = self.post("query", &[("query", query)])?;
        let sample = |result: &Value| Sample {
            labels: result["metric"].clone(),
            value: result["value"][1].as_str().and_then(|text| text.parse().ok()).expect("the value is a number"),
        };
        Ok(response["data"]["result"].as_array().expect("the result is a vector").iter().map(sample).collect())
    }

    fn post(&self, endpoint: &str, form: &[(&str, &str)]) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request = request("POST", &format!("/api/v1/{endpoint}"), body);
        request.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse()?);
        let response: Value = serde_json::from_slice(&try_send(self.address, Protocol::Http1, request)?.body)?;
        assert_eq!(response["status"], "success", "{form:?}: {response}");
        Ok(response)
    }
}
