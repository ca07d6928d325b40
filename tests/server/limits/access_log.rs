//! The access log.

use tests::{Protocol, Response, Server, request, send};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

tests::server_tests! {
    access_log_has_a_line_per_request(&["--access-log", "1"]);
    access_log_has_only_failures_by_default(&["--log", "info,hello_server=debug"]);
    access_log_has_a_fraction_of_requests_and_all_failures(&["--access-log", "0.5"]);
}

/// The id of the request is `id-` and the status.
fn get_status(server: &Server, status: u16) -> Response {
    let mut request = request("GET", &format!("/status/{status}?secret=1"), "");
    request.headers_mut().insert("x-request-id", format!("id-{status}").parse().expect("the value is valid"));
    let trace = format!("00-{TRACE_ID}-00f067aa0ba902b7-01");
    request.headers_mut().insert("traceparent", trace.parse().expect("the value is valid"));
    send(server.address, Protocol::Http1, request)
}

fn access_log_has_a_line_per_request(server: &Server) {
    let response = get_status(server, 418);
    let line = server.wait_for_log(|line| line["request_id"] == "id-418");
    let texts = ["target", "level", "method", "path", "trace_id", "message"].map(|field| line[field].as_str());
    assert_eq!(texts, ["access", "INFO", "GET", "/status/418", TRACE_ID, "request"].map(Some));
    assert_eq!(line["runtime"], server.get("/info").json()["runtime"]);
    assert_eq!((line["status"].as_u64(), line["bytes"].as_u64()), (Some(418), Some(response.body.len() as u64)));
    assert!(line["latency_us"].is_u64() && line["timestamp"].is_string());
}

/// The flag is the default, and the line with the ports, which the test reads.
fn access_log_has_only_failures_by_default(server: &Server) {
    _ = get_status(server, 418);
    _ = get_status(server, 503);
    assert_eq!(server.wait_for_log(|line| line["target"] == "access")["request_id"], "id-503");
}

fn access_log_has_a_fraction_of_requests_and_all_failures(server: &Server) {
    for _ in 0..200 {
        _ = get_status(server, 200);
    }
    _ = get_status(server, 503);
    server.wait_for_log(|line| line["request_id"] == "id-503");
    let lines = server.log().iter().filter(|line| line["request_id"] == "id-200").count();
    // The requests are picked at random: one run in a million is outside of this range.
    assert!((65..=135).contains(&lines), "{lines} of 200");
}
