//! A real OpenTelemetry Collector, and the spans that it was sent.

use std::{
    collections::BTreeMap,
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;
use tests::{PATIENCE, Process, free_address, wait_until_it_answers};

pub(crate) struct Collector {
    pub(crate) endpoint: String,
    _process: Process,
    folder: TempDir,
}

/// A span, with the attributes of what it came from.
#[derive(Debug)]
pub(crate) struct Span {
    span: Value,
    attributes: BTreeMap<String, String>,
}

impl Span {
    /// A field of OTLP's span, such as `traceId`.
    pub(crate) fn field(&self, name: &str) -> String {
        self.span[name].as_str().unwrap_or_default().to_owned()
    }

    /// An attribute of the span, or of the resource, as text.
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
        let folder = tempfile::tempdir().expect("a folder");
        let address = free_address();
        let config = format!(
            "receivers: {{otlp: {{protocols: {{http: {{endpoint: \"{address}\"}}}}}}}}\n\
             exporters: {{file: {{path: spans.json}}}}\n\
             service:\n  pipelines: {{traces: {{receivers: [otlp], exporters: [file]}}}}\n  \
             telemetry: {{metrics: {{level: none}}, logs: {{level: error}}}}\n"
        );
        fs::write(folder.path().join("collector.yaml"), config).expect("written");
        let mut command = Command::new("otelcol");
        command.arg("--config=collector.yaml").current_dir(folder.path());
        let process = Process::start(command, Stdio::null(), Stdio::inherit());
        wait_until_it_answers(address);
        Collector { endpoint: format!("http://{address}"), _process: process, folder }
    }

    /// The span that it was sent of all that are wanted, once that is there: it writes what it takes a moment later.
    pub(crate) fn wait_for_only(&self, wanted: impl Fn(&Span) -> bool) -> Span {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut found = self.spans();
            found.retain(&wanted);
            assert!(found.len() <= 1, "{found:?}");
            if let Some(span) = found.pop() {
                return span;
            }
            assert!(Instant::now() < deadline, "not among {:?}", self.spans());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it was sent so far.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let text = fs::read_to_string(self.folder.path().join("spans.json")).unwrap_or_default();
        // The last line may be half written.
        let batches: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let mut spans = Vec::new();
        for from in batches.iter().flat_map(|batch| elements(batch, "resourceSpans")) {
            for span in elements(from, "scopeSpans").flat_map(|scope| elements(scope, "spans")) {
                let attributes = elements(&from["resource"], "attributes").chain(elements(span, "attributes"));
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
