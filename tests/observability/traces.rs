//! The spans of requests, as a real collector takes them from every runtime; and what becomes of requests when none does.

use std::{net::TcpListener, process::Command};

use serde_json::Value;
use tests::{Protocol, RUNTIMES, Server, VERSION, free_address, host, native, request, run_to_exit, send};

use crate::collector::{Collector, Span};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

fn traced(mut command: Command, endpoint: &str) -> Server {
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint).args(["--drain-delay", "0s"]);
    Server::start(command)
}

fn ask(server: &Server, path: &str, traceparent: &str) -> tests::Answer {
    let mut request = request("GET", path, "");
    request.headers_mut().insert("traceparent", traceparent.parse().expect("a header"));
    send(server.address, Protocol::Http1, request)
}

fn stop(server: Server) {
    server.signal("TERM");
    assert!(server.wait().success());
}

/// A request's span is a part of its caller's trace, says what was asked and answered, and is named to the handler; in the host the
/// guest has one below it. What its caller does not sample has none. All are there once the server has ended.
fn spans_of(command: Command, runtime: &str) {
    let collector = Collector::start();
    let server = traced(command, &collector.endpoint);
    let sampled = format!("00-{TRACE}-{CALLER}-01");
    let seen = ask(&server, "/headers?a=b", &sampled);
    assert_eq!(ask(&server, "/status/503", &sampled).status, 503);
    let unsampled = "11f7651916cd43dd8448eb211c80319c";
    let answer = ask(&server, "/headers", &format!("00-{unsampled}-{CALLER}-00"));
    assert!(answer.text().contains(&format!("00-{unsampled}-")), "{}", answer.text());
    assert_eq!(server.get("/delay/0").status, 200);
    let line = server.wait_for_log(|line| line["status"] == 503);
    assert_eq!(line["trace_id"], TRACE);
    stop(server);

    let of_path = |path: &str| collector.wait_for_only(|span| span.attribute("url.path") == path);
    let span = of_path("/headers");
    assert_eq!(span.field("traceId"), TRACE);
    assert_eq!(span.field("parentSpanId"), CALLER);
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

    // A trace of its own, where the caller has none.
    let first = of_path("/delay/0");
    assert_ne!(first.field("traceId"), TRACE);
    assert_eq!(first.field("parentSpanId"), "");

    // The handler's headers name the last span on the way to it.
    let guest_of = |span: &Span| {
        let server = span.field("spanId");
        collector.wait_for_only(|guest| guest.field("name") == "guest" && guest.field("parentSpanId") == server)
    };
    let last = if runtime == "native" { span } else { guest_of(&span) };
    assert!(!last.has_failed(), "{last:?}");
    let named = format!("00-{TRACE}-{}-01", last.field("spanId"));
    assert!(seen.text().contains(&named), "{named} in {}", seen.text());
    assert!(!seen.text().contains("tracestate"), "{}", seen.text());

    let spans = collector.spans();
    assert!(spans.iter().all(|span| span.field("traceId") != unsampled), "{spans:?}");
}

pub(crate) fn spans() {
    for (name, start) in RUNTIMES {
        spans_of(start(), name);
    }
}

/// The span of a guest that traps says so.
pub(crate) fn failed_guests() {
    let collector = Collector::start();
    let server = traced(host("guest_p3.wasm"), &collector.endpoint);
    assert_eq!(server.get("/trap").status, 500);
    stop(server);
    let guest = collector.wait_for_only(|span| span.field("name") == "guest");
    assert!(guest.has_failed(), "{guest:?}");
}

/// What a guest asks of another server is a part of its own span.
pub(crate) fn guests_that_ask_others() {
    for guest in ["guest_p2.wasm", "guest_p3.wasm"] {
        let collector = Collector::start();
        let other = traced(native(), &collector.endpoint);
        let mut command = host(guest);
        command.args(["--allowed-outbound-hosts", "127.0.0.1"]);
        let server = traced(command, &collector.endpoint);
        let answer = server.get(&format!("/fetch?http://{}/healthz", other.address));
        assert_eq!(answer.text(), "fetched 200");
        stop(server);
        stop(other);
        let guest = collector.wait_for_only(|span| span.field("name") == "guest");
        let asked = collector.wait_for_only(|span| span.attribute("url.path") == "/healthz");
        assert_eq!(asked.field("parentSpanId"), guest.field("spanId"));
        assert_eq!(asked.field("traceId"), guest.field("traceId"));
    }
}

/// Where no collector listens, or one does that is none, requests are answered, one line says that trace export failing, and the end
/// comes as ever.
pub(crate) fn without_collector() {
    let other = Server::start(native());
    for endpoint in [format!("http://{}", free_address()), format!("http://{}", other.address)] {
        let mut command = native();
        command.env("OTEL_BSP_SCHEDULE_DELAY", "20");
        let server = traced(command, &endpoint);
        let lost =
            |line: &Value| line["message"].as_str().is_some_and(|message| message.starts_with("trace export failing"));
        assert_eq!(server.get("/").status, 200);
        server.wait_for_log(lost);
        for _ in 0..100 {
            assert_eq!(server.get("/").status, 200);
        }
        assert_eq!(server.log().iter().filter(|line| lost(line)).count(), 1);
        stop(server);
    }
}

/// What is turned off need not be right, and of two variables the one for traces counts.
pub(crate) fn settings_without_effect() {
    for off in [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")] {
        let mut command = native();
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318").envs([off]);
        assert_eq!(Server::start(command).get("/").status, 200);
    }
    let mut command = native();
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", free_address()));
    command.env("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf").env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    assert_eq!(Server::start(command).get("/").status, 200);
}

/// In a URI its address has brackets.
pub(crate) fn collector_by_ipv6() {
    let collector = TcpListener::bind("[::1]:0").expect("a free port");
    let mut command = native();
    command.env("OTEL_BSP_SCHEDULE_DELAY", "20");
    let server = traced(command, &format!("http://{}", collector.local_addr().expect("bound")));
    assert_eq!(server.get("/").status, 200);
    collector.accept().expect("a connection with spans");
}

/// What cannot be exported to is refused before anything is served.
pub(crate) fn bad_settings() {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ] {
        let mut command = native();
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318").env(name, value);
        let exit = run_to_exit(command);
        assert_eq!(exit.code, Some(64));
        assert!(
            exit.stderr.lines().count() == 1 && exit.stderr.contains(name) && exit.stderr.contains(value),
            "{}",
            exit.stderr
        );
    }
}
