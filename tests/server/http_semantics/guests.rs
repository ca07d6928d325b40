//! Behaviour that is allowed to a component and that hello does not have.

use tests::{Protocol, Server, request, send, try_send};

use crate::Case;

pub(crate) const CASES: &[Case] = &[
    ("a status that is not final is 500", &["--access-log", "1"], not_final),
    ("work after the response is completed", &[], work_after_response),
    (
        "work after the response that takes too long is stopped and counted",
        &["--request-timeout", "300ms"],
        stopped_work,
    ),
    ("a drain waits for work after the response", &["--drain-delay", "0s"], drained_work),
    ("a line of output per request is logged, for thousands of requests", &["--max-instances", "1"], lines),
    ("scheme and authority are those of the request", &[], target),
];

/// A guest of WASI 0.3 cannot exit before it has returned its response.
pub(crate) const CASES_OF_P2: &[Case] =
    &[("the response of a guest that exits with code 0 afterwards is complete", &[], exit)];

const PROTOCOLS: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

fn not_final(server: &Server) {
    for protocol in PROTOCOLS {
        for status in [100, 101, 103, 199] {
            let response = send(server.address, protocol, request("GET", &format!("/status?{status}"), ""));
            assert_eq!(response.status, 500, "{protocol:?} {status}");
            assert_eq!(response.header("content-type"), "application/problem+json", "{protocol:?} {status}");
        }
    }
    server.wait_for_metric("http_requests_total{method=\"GET\",status=\"500\"}", 8.0);
    server.wait_for_metric("http_request_duration_seconds_count{status=\"5xx\"}", 8.0);
    server.wait_for_metric("http_request_duration_seconds_count{status=\"2xx\"}", 0.0);
    server.wait_for_log(|line| line["target"] == "access" && line["status"] == 500 && line["level"] == "WARN");
}

fn is_done(line: &serde_json::Value) -> bool {
    line["output"] == "done later"
}

fn work_after_response(server: &Server) {
    for (index, (method, path)) in
        [("GET", "/later"), ("GET", "/later?length"), ("HEAD", "/later"), ("HEAD", "/later?length")]
            .into_iter()
            .enumerate()
    {
        for (over, protocol) in PROTOCOLS.into_iter().enumerate() {
            let response = send(server.address, protocol, request(method, path, ""));
            assert_eq!(response.status, 200, "{protocol:?} {method} {path}");
            server.wait_for_log_count(2 * index + over + 1, is_done);
        }
    }
}

fn stopped_work(server: &Server) {
    for (path, stopped) in [("/later?length", 1.0), ("/later?length", 2.0)] {
        assert_eq!(server.get(path).status, 200);
        server.wait_for_metric("wasm_instance_failures_total{reason=\"background-timeout\"}", stopped);
    }
    assert!(!server.log().iter().any(is_done));
    server.wait_for_metric("wasm_instances", 0.0);
}

fn drained_work(server: &Server) {
    assert_eq!(server.get("/later?length").status, 200);
    server.signal("TERM");
    server.wait_for_log(|line| line["message"] == "drained");
    assert_eq!(server.log().into_iter().filter(is_done).count(), 1);
}

/// The lines are a megabyte together, which is more than one request may log.
fn lines(server: &Server) {
    let requests = 3000;
    for _ in 0..requests {
        assert_eq!(server.get("/line").status, 200);
    }
    let is_line = |line: &serde_json::Value| line["output"].as_str().is_some_and(|text| text.len() == 300);
    server.wait_for_log_count(requests, is_line);
    server.wait_for_metric("wasm_guest_output_dropped_bytes_total", 0.0);
    // For one request, as much is dropped and counted.
    _ = try_send(server.address, Protocol::Http1, request("GET", "/print", ""));
    server.wait_for_metric_where("wasm_guest_output_dropped_bytes_total", |bytes| bytes > 1e6, "more than a megabyte");
}

fn target(server: &Server) {
    for protocol in PROTOCOLS {
        let seen = send(server.address, protocol, request("GET", "/target?query", "")).text().to_ascii_lowercase();
        for part in ["http", "hello.test", "query"] {
            assert!(seen.contains(part), "{protocol:?}: {seen}");
        }
        assert!(!seen.contains("https"), "{protocol:?}: {seen}");
    }
    let mut request = request("GET", "/target", "");
    *request.uri_mut() = "https://hello.test/target".parse().expect("the URI is valid");
    request.headers_mut().remove("host");
    let seen = send(server.address, Protocol::Http2, request).text().to_ascii_lowercase();
    assert!(seen.contains("https"), "{seen}");
}

fn exit(server: &Server) {
    for protocol in PROTOCOLS {
        let response = send(server.address, protocol, request("GET", "/exit?whole", ""));
        assert_eq!((response.status.as_u16(), response.text()), (200, "ok"), "{protocol:?}");
        let broken = try_send(server.address, protocol, request("GET", "/exit?half", ""));
        assert!(broken.is_err(), "{protocol:?}: {broken:?}");
    }
    // An exit with code 0 is not a failure.
    server.wait_for_metric("wasm_instance_failures_total{reason=\"trap\"}", 0.0);
    server.wait_for_metric("wasm_instances", 0.0);
}
