//! A real OpenTelemetry Collector, and the spans that it has received.

use std::{
    collections::BTreeMap,
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;
use tests::{Process, TIMEOUT, free_address, wait_until_reachable};

/// A running Collector. It is killed on drop.
pub(crate) struct Collector {
    pub(crate) endpoint: String,
    _process: Process,
    folder: TempDir,
}

/// A span with its attributes and those of its resource.
#[derive(Debug)]
pub(crate) struct Span {
    span: Value,
    attributes: BTreeMap<String, String>,
}

impl Span {
    /// Returns a field of the span in OTLP, such as `traceId`.
    pub(crate) fn field(&self, name: &str) -> String {
        self.span[name].as_str().unwrap_or_default().to_owned()
    }

    /// Returns an attribute of the span or of the resource as text.
    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.span["status"]["code"] == 2
    }
}

fn elements<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

impl Collector {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let address = free_address();
        let config = format!(
            "receivers: {{otlp: {{protocols: {{http: {{endpoint: \"{address}\"}}}}}}}}\n\
             exporters: {{file: {{path: spans.json}}}}\n\
             service:\n  pipelines: {{traces: {{receivers: [otlp], exporters: [file]}}}}\n  \
             telemetry: {{metrics: {{level: none}}, logs: {{level: error}}}}\n"
        );
        fs::write(folder.path().join("collector.yaml"), config).expect("the file is written");
        let mut command = Command::new("otelcol");
        command.arg("--config=collector.yaml").current_dir(folder.path());
        let process = Process::start(&command, Stdio::null(), Stdio::inherit());
        wait_until_reachable(address);
        Collector { endpoint: format!("http://{address}"), _process: process, folder }
    }

    /// Waits for the only span that fulfils a condition. The Collector writes a span some time after it has received it.
    pub(crate) fn wait_for_only(&self, is_wanted: impl Fn(&Span) -> bool) -> Span {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let mut found = self.spans();
            found.retain(&is_wanted);
            assert!(found.len() <= 1, "{found:?}");
            if let Some(span) = found.pop() {
                return span;
            }
            assert!(Instant::now() < deadline, "no such span in {:?}", self.spans());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Returns the spans that it has received so far.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let text = fs::read_to_string(self.folder.path().join("spans.json")).unwrap_or_default();
        // The last line can be incomplete.
        let batches: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let mut spans = Vec::new();
        for resource_spans in batches.iter().flat_map(|batch| elements(batch, "resourceSpans")) {
            for span in elements(resource_spans, "scopeSpans").flat_map(|scope| elements(scope, "spans")) {
                let attributes =
                    elements(&resource_spans["resource"], "attributes").chain(elements(span, "attributes"));
                let attributes = attributes.map(|attribute| {
                    let value = attribute["value"].as_object().and_then(|value| value.values().next());
                    let text = value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                    (attribute["key"].as_str().unwrap_or_default().to_owned(), text.unwrap_or_default())
                });
                spans.push(Span { span: span.clone(), attributes: attributes.collect() });
            }
        }
        spans
    }
}
