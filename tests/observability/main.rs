//! What a Prometheus and a Collector see of the servers, and what the chart's alerts and dashboard make of it. Cases whose programs
//! are not on PATH (helm, otelcol, prometheus, promtool) are reported as ignored.

mod accounts;
mod collector;
mod traces;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    process::{Command, ExitCode},
    thread,
};

use libtest_mimic::{Arguments, Failed, Trial};
use tests::{
    Prometheus, Protocol, RELEASE, RUNTIMES, Sample, Server, dashboard, filled_in, get, host, native, panels, program,
    request, run_to_exit, runtimes, send, workspace,
};

/// The rules in the form that Prometheus itself takes: what is below `spec:`, not indented.
fn rules() -> String {
    rules_with("prometheusRule.enabled=true")
}

fn rules_with(values: &str) -> String {
    let mut helm = Command::new("helm");
    helm.current_dir(workspace()).args(["template", RELEASE, "chart", "--namespace", RELEASE]);
    helm.args(["--set", "prometheusRule.enabled=true", "--set", values]);
    helm.args(["--show-only", "templates/prometheusrule.yaml"]);
    let rendered = run_to_exit(helm);
    let (_, spec) = rendered.stdout.split_once("\nspec:\n").unwrap_or_else(|| panic!("{}", rendered.output()));
    spec.lines().flat_map(|line| [line.strip_prefix("  ").unwrap_or(line), "\n"]).collect()
}

/// Each alert fires when it should, and stays quiet when not: tests/observability/alerts.yaml.
fn alerts() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("rules.yaml"), rules())?;
    fs::copy(workspace().join("tests/observability/alerts.yaml"), folder.path().join("alerts.yaml"))?;
    for arguments in [["check", "rules", "rules.yaml"], ["test", "rules", "alerts.yaml"]] {
        let mut promtool = Command::new("promtool");
        promtool.args(arguments).current_dir(folder.path());
        let checked = run_to_exit(promtool);
        checked.require(checked.succeeded())?;
    }
    Ok(())
}

/// By the rules of Prometheus's own linter.
fn metrics_are_sound() -> Result<(), Failed> {
    for command in runtimes() {
        let server = Server::start(command);
        for path in ["/", "/nope", "/status/503"] {
            _ = server.get(path);
        }
        let metrics = tempfile::NamedTempFile::new()?;
        fs::write(&metrics, server.admin("/metrics").body)?;
        let mut promtool = Command::new("promtool");
        promtool.args(["check", "metrics"]).stdin(File::open(&metrics)?);
        let checked = run_to_exit(promtool);
        checked.require(checked.succeeded())?;
        if !checked.output().is_empty() {
            return Err(checked.output().into());
        }
    }
    Ok(())
}

/// What a pod was asked, and how often with which outcome.
struct Asked {
    pod: &'static str,
    server: Server,
    /// By method and status.
    answers: BTreeMap<[String; 2], f64>,
}

impl Asked {
    fn start(pod: &'static str, mut command: Command) -> Self {
        command.args(["--max-in-flight", "1", "--request-timeout", "2s"]);
        Asked { pod, server: Server::start(command), answers: BTreeMap::new() }
    }

    fn note(&mut self, method: &str, status: u16) {
        *self.answers.entry([method.to_owned(), status.to_string()]).or_default() += 1.0;
    }

    fn ask(&mut self, method: &str, path: &str) {
        let answer = send(self.server.address, Protocol::Http1, request(method, path, ""));
        self.note(method, answer.status.as_u16());
    }

    /// So many requests while the only place is taken.
    fn shed(&mut self, path: &'static str, times: u32) {
        let address = self.server.address;
        let holding = thread::spawn(move || get(address, path).status.as_u16());
        self.server.wait_for_metric("http_requests_in_flight", 1.0);
        for _ in 0..times {
            self.ask("GET", "/");
        }
        self.note("GET", holding.join().expect("an answer"));
    }
}

/// A Prometheus that scrapes four pods, each asked something else, counts what they were asked; and no query of the dashboard is empty.
fn prometheus_counts_what_was_asked() -> Result<(), Failed> {
    let mut pods = [
        Asked::start("native", native()),
        Asked::start("p2", host("hello-wasi-0.2.wasm")),
        Asked::start("p3", host("hello-wasi-0.3.wasm")),
        Asked::start("sinner", host("guest_p3.wasm")),
    ];
    let prometheus = Prometheus::scrape(&rules(), pods.iter().map(|pod| (pod.pod, pod.server.admin)));
    // What is there before the first scrape is no increase.
    for pod in &pods {
        prometheus.wait_for_value(&format!("http_requests_in_flight_limit{{pod=\"{}\"}}", pod.pod), 1.0);
    }
    for (index, pod) in pods.iter_mut().enumerate() {
        for _ in 0..=index {
            pod.ask("GET", "/");
            pod.ask("HEAD", "/");
        }
        if pod.pod == "sinner" {
            pod.ask("GET", "/trap");
            pod.ask("GET", "/never");
            pod.shed("/never", 3);
        } else {
            pod.ask("GET", "/nope");
            pod.ask("POST", "/");
            pod.ask("GET", "/status/500");
            pod.ask("GET", "/status/302");
            pod.shed("/delay/1.9", 5);
        }
    }
    for pod in &pods {
        let of = format!("{{job=\"{RELEASE}\", pod=\"{}\"}}", pod.pod);
        let answers = |samples: &[Sample]| {
            let pair = |sample: &Sample| (["method", "status"].map(|label| sample.label(label)), sample.value);
            samples.iter().filter(|sample| sample.value > 0.0).map(pair).collect::<BTreeMap<_, _>>()
        };
        prometheus.wait_for(&format!("http_requests_total{of}"), |samples| answers(samples) == pod.answers);
        let total: f64 = pod.answers.values().sum();
        let shed = if pod.pod == "sinner" { 3.0 } else { 5.0 };
        for (query, expected) in [
            (format!("sum(http_request_duration_seconds_count{of})"), total),
            (format!("http_requests_shed_total{of}"), shed),
        ] {
            prometheus.wait_for_value(&query, expected);
        }
    }
    for (reason, expected) in [("trap", 1.0), ("timeout", 2.0), ("error", 0.0), ("instantiation", 0.0)] {
        let query = format!("wasm_instance_failures_total{{pod=\"sinner\", reason=\"{reason}\"}}");
        prometheus.wait_for_value(&query, expected);
    }
    dashboard_queries_have_answers(&prometheus)
}

/// Every bound that the chart's schema offers is a series of a scrape: Prometheus 3 stores 10 as 10.0, and before it as 10.
fn bounds_are_found(program: &str) -> Result<(), Failed> {
    let schema: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(workspace().join("chart/values.schema.json"))?)?;
    let bounds = schema["properties"]["prometheusRule"]["properties"]["latencySeconds"]["enum"].as_array();
    let bounds = bounds.ok_or("bounds")?;
    assert!(bounds.len() >= 18, "numbers, and the same as text: {bounds:?}");
    let server = Server::start(native());
    assert_eq!(server.get("/").status, 200);
    let prometheus = Prometheus::scrape_by(program, &rules(), [("native", server.admin)].into_iter());
    for bound in bounds {
        let text = bound.as_str().map_or_else(|| bound.to_string(), str::to_owned);
        let rules = rules_with(&format!("prometheusRule.latencySeconds={text}"));
        let (_, selector) = rules.split_once("rate(http_request_duration_seconds_bucket{").ok_or("a selector")?;
        let (selector, _) = selector.split_once("}[").ok_or("its end")?;
        let query = format!("http_request_duration_seconds_bucket{{{selector}}}");
        prometheus.wait_for(&query, |samples| !samples.is_empty());
    }
    Ok(())
}

fn dashboard_queries_have_answers(prometheus: &Prometheus) -> Result<(), Failed> {
    let dashboard = dashboard();
    let mut empty = Vec::new();
    for variable in dashboard["templating"]["list"].as_array().expect("variables") {
        let Some(query) = variable["query"]["query"].as_str() else { continue };
        let values = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(")"));
        let (selector, label) = values.and_then(|rest| rest.rsplit_once(", ")).expect("label_values(selector, label)");
        if prometheus.query(&filled_in(selector, "1m")).iter().all(|sample| sample.label(label).is_empty()) {
            empty.push(query.to_owned());
        }
    }
    let queries: Vec<_> = panels().into_iter().flat_map(|panel| panel.targets).map(|(_legend, query)| query).collect();
    let has_answer =
        |query: &&String| prometheus.query(&filled_in(query, "1m")).iter().any(|sample| !sample.value.is_nan());
    empty.extend(queries.iter().filter(|query| !has_answer(query)).cloned());
    if !queries.is_empty() && empty.is_empty() {
        Ok(())
    } else {
        Err(format!("{} queries, empty: {empty:#?}", queries.len()).into())
    }
}

/// Whatever callers think of.
fn series_are_bounded() -> Result<(), Failed> {
    let servers =
        [("native", native()), ("p3", host("hello-wasi-0.3.wasm"))].map(|(pod, command)| (pod, Server::start(command)));
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
    let prometheus = Prometheus::scrape(&rules(), servers.iter().map(|(pod, server)| (*pod, server.admin)));
    for (pod, _) in &servers {
        let of = format!("{{pod=\"{pod}\"}}");
        prometheus.wait_for(&format!("scrape_samples_scraped{of}"), |samples| {
            samples.iter().any(|sample| sample.value > 100.0)
        });
        prometheus.wait_for_value(&format!("sum(http_requests_total{of})"), 427.0);
        let series = prometheus.query(&format!("scrape_samples_scraped{of}"))[0].value;
        println!("series of {pod}: {series}");
        if series > 200.0 {
            return Err(format!("{pod} has {series} series").into());
        }
    }
    Ok(())
}

/// What docs/telemetry/collector.yaml gives a Collector to read is what one takes.
fn collector_of_the_docs() -> Result<(), Failed> {
    let manifest = fs::read_to_string(workspace().join("docs/telemetry/collector.yaml"))?;
    let (_, config) = manifest.split_once("  config.yaml: |\n").ok_or("no configuration")?;
    let (config, _) = config.split_once("---").ok_or("no end")?;
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("config.yaml"), config)?;
    let mut validate = Command::new("otelcol");
    validate.args(["validate", "--config=config.yaml"]).current_dir(folder.path());
    let validated = run_to_exit(validate);
    Ok(validated.require(validated.succeeded())?)
}

/// One that is ignored if a program that it needs is not on PATH.
fn trial(name: &str, needed: &[&str], case: impl FnOnce() -> Result<(), Failed> + Send + 'static) -> Trial {
    let missing: Vec<_> = needed.iter().copied().filter(|needed| program(needed).is_none()).collect();
    if !missing.is_empty() {
        eprintln!("skipped: {name}, without {} on PATH", missing.join(" and "));
    }
    Trial::test(name, case).with_ignored_flag(!missing.is_empty())
}

fn main() -> ExitCode {
    type Case = (&'static str, &'static [&'static str], fn() -> Result<(), Failed>);
    let cases: [Case; 12] = [
        ("alerts fire and stay quiet", &["helm", "promtool"], alerts),
        ("metrics are sound", &["promtool"], metrics_are_sound),
        (
            "Prometheus counts what was asked, and no query of the dashboard is empty",
            &["helm", "prometheus"],
            prometheus_counts_what_was_asked,
        ),
        ("series are bounded", &["helm", "prometheus"], series_are_bounded),
        ("a collector takes the spans of every runtime", &["otelcol"], || {
            traces::spans();
            Ok(())
        }),
        ("the span of a guest that fails says so", &["otelcol"], || {
            traces::failed_guests();
            Ok(())
        }),
        ("what a guest asks of others is in its trace", &["otelcol"], || {
            traces::guests_that_ask_others();
            Ok(())
        }),
        ("the Collector of the docs is configured soundly", &["otelcol"], collector_of_the_docs),
        ("requests go on where no collector takes spans", &[], || {
            traces::without_collector();
            Ok(())
        }),
        ("a collector is reached by an IPv6 address", &[], || {
            traces::collector_by_ipv6();
            Ok(())
        }),
        ("what is without effect is not refused", &[], || {
            traces::settings_without_effect();
            Ok(())
        }),
        ("what cannot be exported to is refused", &[], || {
            traces::bad_settings();
            Ok(())
        }),
    ];
    let mut trials: Vec<_> = cases.into_iter().map(|(name, needed, case)| trial(name, needed, case)).collect();
    for program in ["prometheus", "prometheus-of-pods"] {
        let name = format!("{program}: each bound of the schema is found");
        trials.push(trial(&name, &["helm", program], move || bounds_are_found(program)));
    }
    let accounts = "metrics, access log and spans say what clients saw";
    for (runtime, start) in RUNTIMES {
        trials.push(trial(&format!("{runtime}: {accounts}"), &["otelcol"], move || {
            accounts::of_requests(start());
            Ok(())
        }));
    }
    for (runtime, guest) in [("wasi-0.2", "guest_p2.wasm"), ("wasi-0.3", "guest_p3.wasm")] {
        trials.push(trial(&format!("{runtime}: {accounts} of a bad guest"), &["otelcol"], move || {
            accounts::of_guests(host(guest));
            Ok(())
        }));
    }
    trials.push(trial(&format!("wasi-0.2: {accounts} of a guest that exits"), &["otelcol"], || {
        accounts::of_exits(host("guest_p2.wasm"));
        Ok(())
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
