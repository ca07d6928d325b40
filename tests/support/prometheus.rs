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

use crate::{PATIENCE, Process, Protocol, free_address, request, try_send};

/// One that runs until it is dropped.
pub struct Prometheus {
    address: SocketAddr,
    _process: Process,
    _folder: TempDir,
}

/// One element of a vector.
#[derive(Debug)]
pub struct Sample {
    labels: Value,
    /// What it is now.
    pub value: f64,
}

impl Sample {
    /// A label, or nothing.
    #[must_use]
    pub fn label(&self, name: &str) -> String {
        self.labels[name].as_str().unwrap_or_default().to_owned()
    }
}

/// How a value went.
#[derive(Debug)]
pub struct Series {
    labels: Value,
    /// When (seconds since 1970), and what it was then.
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// Its name by a legend of Grafana, in which labels stand as `{{label}}`.
    #[must_use]
    pub fn name(&self, legend: &str) -> String {
        let labels = self.labels.as_object().expect("labels");
        labels.iter().fold(legend.to_owned(), |name, (label, value)| {
            name.replace(&format!("{{{{{label}}}}}"), value.as_str().unwrap_or_default())
        })
    }
}

impl Prometheus {
    /// Starts one with these rules, which scrapes these pods by their admin ports.
    ///
    /// # Panics
    /// Where it cannot run.
    pub fn scrape<'a>(rules: &str, pods: impl Iterator<Item = (&'a str, SocketAddr)>) -> Self {
        Prometheus::scrape_by("prometheus", rules, pods)
    }

    /// The same by another program, such as that of another version.
    ///
    /// # Panics
    /// If it cannot run.
    pub fn scrape_by<'a>(program: &str, rules: &str, pods: impl Iterator<Item = (&'a str, SocketAddr)>) -> Self {
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
        let mut command = Command::new(program);
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
    ///
    /// # Panics
    /// Where Prometheus refuses it.
    #[must_use]
    pub fn query(&self, query: &str) -> Vec<Sample> {
        self.ask(query).unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    /// What a query gave, every second from a time on (seconds since 1970).
    ///
    /// # Errors
    /// What Prometheus has against it.
    pub fn range(&self, query: &str, from: f64, to: f64) -> Result<Vec<Series>, Box<dyn Error + Send + Sync>> {
        let (from, to) = (from.to_string(), to.to_string());
        let answer = self.post("query_range", &[("query", query), ("start", &from), ("end", &to), ("step", "1")])?;
        let number = |value: &Value| value.as_str().and_then(|text| text.parse().ok()).expect("a number");
        let series = |result: &Value| Series {
            labels: result["metric"].clone(),
            points: (result["values"].as_array().expect("points").iter())
                .map(|point| (point[0].as_f64().expect("a time"), number(&point[1])))
                .collect(),
        };
        Ok(answer["data"]["result"].as_array().expect("a matrix").iter().map(series).collect())
    }

    /// Waits until a query gives what is wanted.
    ///
    /// # Panics
    /// Where that takes too long.
    pub fn wait_for(&self, query: &str, wanted: impl Fn(&[Sample]) -> bool) {
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
    pub fn wait_for_value(&self, query: &str, expected: f64) {
        self.wait_for(query, |samples| samples.iter().any(|sample| (sample.value - expected).abs() < 0.5));
    }

    fn ask(&self, query: &str) -> Result<Vec<Sample>, Box<dyn Error + Send + Sync>> {
        let answer = self.post("query", &[("query", query)])?;
        let sample = |result: &Value| Sample {
            labels: result["metric"].clone(),
            value: result["value"][1].as_str().and_then(|text| text.parse().ok()).expect("a number"),
        };
        Ok(answer["data"]["result"].as_array().expect("a vector").iter().map(sample).collect())
    }

    fn post(&self, endpoint: &str, form: &[(&str, &str)]) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut asked = request("POST", &format!("/api/v1/{endpoint}"), body);
        asked.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse()?);
        let answer: Value = serde_json::from_slice(&try_send(self.address, Protocol::Http1, asked)?.body)?;
        assert_eq!(answer["status"], "success", "{form:?}: {answer}");
        Ok(answer)
    }
}
