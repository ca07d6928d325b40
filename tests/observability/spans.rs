//! Spans of requests as a real Collector receives them, and settings of the exporter.

use std::{
    fs,
    net::TcpListener,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use libtest_mimic::Failed;
use serde_json::Value;
use tests::{
    Protocol, Response, Server, TIMEOUT, VERSION, free_address, host_command, log_messages::TRACE_EXPORT_FAILING,
    native_command, request, run_to_exit, send, start, workspace,
};

use crate::collector::{Collector, Span};

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

fn start_traced(mut command: Command, endpoint: &str) -> Server {
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    start(command, &["--drain-delay", "0s"])
}

fn get_with_traceparent(server: &Server, path: &str, traceparent: &str) -> Response {
    let mut request = request("GET", path, "");
    request.headers_mut().insert("traceparent", traceparent.parse().expect("the value is valid"));
    send(server.address, Protocol::Http1, request)
}

/// Stops a server, which exports its last spans.
fn stop(server: Server) {
    server.signal("TERM");
    assert!(server.wait_for_exit().success());
}

/// The span of a request is a child of the client's span, has the attributes of HTTP, and is passed to the handler. In the host it has
/// a child for the guest. A request that the client does not sample has no span.
pub(crate) fn collector_receives_the_spans(runtime: &str, command: Command) {
    let collector = Collector::start();
    let server = start_traced(command, &collector.endpoint);
    let sampled = format!("00-{TRACE_ID}-{PARENT}-01");
    let seen_by_handler = get_with_traceparent(&server, "/headers?a=b", &sampled);
    assert_eq!(get_with_traceparent(&server, "/status/503", &sampled).status, 503);
    let unsampled = "11f7651916cd43dd8448eb211c80319c";
    let response = get_with_traceparent(&server, "/headers", &format!("00-{unsampled}-{PARENT}-00"));
    assert!(response.text().contains(&format!("00-{unsampled}-")), "{}", response.text());
    assert_eq!(server.get("/delay/0").status, 200);
    let line = server.wait_for_log(|line| line["status"] == 503);
    assert_eq!(line["trace_id"], TRACE_ID);
    stop(server);

    let of_path = |path: &str| collector.wait_for_only(|span| span.attribute("url.path") == path);
    let span = of_path("/headers");
    assert_eq!(span.field("traceId"), TRACE_ID);
    assert_eq!(span.field("parentSpanId"), PARENT);
    assert_eq!(span.field("name"), "GET");
    for (name, value) in [
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("url.query", "a=b"),
        ("url.scheme", "http"),
        ("network.protocol.version", "1.1"),
        ("service.name", "hello"),
        ("service.version", VERSION),
        ("process.runtime.name", runtime),
    ] {
        assert_eq!(span.attribute(name), value, "{name} of {span:?}");
    }
    assert!(!span.has_failed());

    let failed = of_path("/status/503");
    assert_eq!(failed.attribute("error.type"), "503");
    assert!(failed.has_failed());

    // A request without a trace starts one.
    let first = of_path("/delay/0");
    assert_ne!(first.field("traceId"), TRACE_ID);
    assert_eq!(first.field("parentSpanId"), "");

    // The handler sees the innermost span as the parent.
    let guest_of = |span: &Span| {
        let server = span.field("spanId");
        collector.wait_for_only(|guest| guest.field("name") == "guest" && guest.field("parentSpanId") == server)
    };
    let innermost = if runtime == "native" { span } else { guest_of(&span) };
    assert!(!innermost.has_failed(), "{innermost:?}");
    let traceparent = format!("00-{TRACE_ID}-{}-01", innermost.field("spanId"));
    assert!(seen_by_handler.text().contains(&traceparent), "no {traceparent} in {}", seen_by_handler.text());
    assert!(!seen_by_handler.text().contains("tracestate"), "{}", seen_by_handler.text());

    let spans = collector.spans();
    assert!(spans.iter().all(|span| span.field("traceId") != unsampled), "{spans:?}");
}

pub(crate) fn span_of_a_trapped_guest_has_failed() {
    let collector = Collector::start();
    let server = start_traced(host_command("guest_p3.wasm"), &collector.endpoint);
    assert_eq!(server.get("/trap").status, 500);
    stop(server);
    let guest = collector.wait_for_only(|span| span.field("name") == "guest");
    assert!(guest.has_failed(), "{guest:?}");
}

/// The request that a guest sends to another server is a child of the guest's span.
pub(crate) fn trace_includes_outbound_requests(_runtime: &str, mut command: Command) {
    let collector = Collector::start();
    let target = start_traced(native_command(), &collector.endpoint);
    command.args(["--allowed-outbound-hosts", "127.0.0.1"]);
    let server = start_traced(command, &collector.endpoint);
    let response = server.get(&format!("/fetch?http://{}/healthz", target.address));
    assert_eq!(response.text(), "fetched 200");
    stop(server);
    stop(target);
    let guest = collector.wait_for_only(|span| span.field("name") == "guest");
    let outbound = collector.wait_for_only(|span| span.attribute("url.path") == "/healthz");
    assert_eq!(outbound.field("parentSpanId"), guest.field("spanId"));
    assert_eq!(outbound.field("traceId"), guest.field("traceId"));
}

/// Nothing listens at the first endpoint, and the second one is not a Collector. One line of the log reports lost spans.
#[allow(clippy::needless_pass_by_value)] // As the other checks.
pub(crate) fn requests_succeed_without_a_collector(_runtime: &str, command: Command) {
    let other = Server::start(native_command());
    for endpoint in [format!("http://{}", free_address()), format!("http://{}", other.address)] {
        let mut copy = Command::new(command.get_program());
        copy.args(command.get_args()).env("OTEL_BSP_SCHEDULE_DELAY", "20");
        let server = start_traced(copy, &endpoint);
        let is_report =
            |line: &Value| line["message"].as_str().is_some_and(|text| text.starts_with(TRACE_EXPORT_FAILING));
        assert_eq!(server.get("/").status, 200);
        server.wait_for_log(is_report);
        for _ in 0..100 {
            assert_eq!(server.get("/").status, 200);
        }
        assert_eq!(server.log().iter().filter(|line| is_report(line)).count(), 1);
        stop(server);
    }
}

/// The configuration in docs/telemetry/collector.yaml.
pub(crate) fn collector_accepts_its_configuration() -> Result<(), Failed> {
    let manifest = fs::read_to_string(workspace().join("docs/telemetry/collector.yaml"))?;
    let (_, config) = manifest.split_once("  config.yaml: |\n").ok_or("no configuration")?;
    let (config, _) = config.split_once("---").ok_or("the configuration has no end")?;
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("config.yaml"), config)?;
    let mut validate = Command::new("otelcol");
    validate.args(["validate", "--config=config.yaml"]).current_dir(folder.path());
    let validated = run_to_exit(validate);
    Ok(validated.require(validated.succeeded())?)
}

/// An exporter that is off ignores the endpoint, and of two variables the one for traces has priority.
pub(crate) fn settings_without_effect_are_accepted() {
    for off in [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")] {
        let mut command = native_command();
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318").envs([off]);
        assert_eq!(Server::start(command).get("/").status, 200);
    }
    let mut command = native_command();
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", free_address()));
    command.env("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf").env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    assert_eq!(Server::start(command).get("/").status, 200);
}

/// In a URI the address is in brackets.
pub(crate) fn collector_is_reached_by_ipv6() -> Result<(), Failed> {
    let collector = TcpListener::bind("[::1]:0")?;
    collector.set_nonblocking(true)?;
    let mut command = native_command();
    command.env("OTEL_BSP_SCHEDULE_DELAY", "20");
    let server = start_traced(command, &format!("http://{}", collector.local_addr()?));
    assert_eq!(server.get("/").status, 200);
    let deadline = Instant::now() + TIMEOUT;
    while collector.accept().is_err() {
        assert!(Instant::now() < deadline, "the server does not connect to {:?}", collector.local_addr());
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

pub(crate) fn invalid_settings_are_rejected() -> Result<(), Failed> {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ] {
        let mut command = native_command();
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318").env(name, value);
        let exit = run_to_exit(command);
        assert_eq!(exit.code, Some(64));
        exit.require(exit.stderr.lines().count() == 1 && exit.stderr.contains(name) && exit.stderr.contains(value))?;
    }
    Ok(())
}
