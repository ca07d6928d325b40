//! The drain after SIGTERM or SIGINT.

use std::{io::Write, process::Command, thread};

use tests::{Protocol, Response, Server, connect, log_messages::DRAINING, read_to_close, request, start, try_send};

tests::command_tests! {
    sigterm_drains_without_losing_a_request;
    drain_closes_idle_connections;
    drain_timeout_aborts_requests_with_exit_code_1;
    second_signal_ends_the_drain_at_once;
    sigint_skips_the_drain_delay;
}

/// Sends a slow request, and returns once it is in flight.
fn send_in_flight(server: &Server, path: &'static str) -> thread::JoinHandle<Result<Response, String>> {
    let address = server.address;
    let send = move || try_send(address, Protocol::Http1, request("GET", path, "")).map_err(|error| error.to_string());
    let request = thread::spawn(send);
    server.wait_for_metric("http_requests_in_flight", 1.0);
    request
}

fn sigterm_drains_without_losing_a_request(command: Command) {
    let server = start(command, &["--drain-delay", "2s"]);
    let request = send_in_flight(&server, "/delay/1");
    server.signal("TERM");
    server.wait_for_message(DRAINING);

    // Load balancers read the readiness; requests of those that have not done so yet are still served.
    let readiness = server.get_admin("/readyz");
    assert_eq!((readiness.status.as_u16(), readiness.text()), (503, "draining\n"));
    assert_eq!(server.get_admin("/livez").status, 200);
    let late = server.get("/");
    assert_eq!((late.status.as_u16(), late.header("connection")), (200, "close"));

    let response = request.join().expect("the client does not panic").expect("the request gets its response");
    assert_eq!(response.status, 200);
    assert_eq!(server.wait_for_exit().code(), Some(0));
}

fn drain_closes_idle_connections(command: Command) {
    let server = start(command, &["--drain-delay", "0s"]);
    let mut idle = connect(server.address);
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").expect("the request is sent");
    let mut silent = connect(server.address);
    server.wait_for_metric("http_connections", 2.0);
    server.wait_for_metric("http_requests_total{method=\"GET\",status=\"200\"}", 1.0);
    server.signal("TERM");
    let response = read_to_close(&mut idle);
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    assert_eq!(read_to_close(&mut silent), "");
    assert_eq!(server.wait_for_exit().code(), Some(0));
}

fn drain_timeout_aborts_requests_with_exit_code_1(command: Command) {
    let server = start(command, &["--drain-delay", "0s", "--drain-timeout", "100ms"]);
    let request = send_in_flight(&server, "/delay/10");
    server.signal("TERM");
    assert_eq!(server.wait_for_exit().code(), Some(1));
    assert!(request.join().expect("the client does not panic").is_err(), "the request has a response");
}

fn second_signal_ends_the_drain_at_once(command: Command) {
    let server = start(command, &["--drain-delay", "1h"]);
    server.signal("TERM");
    server.wait_for_message(DRAINING);
    server.signal("TERM");
    assert_eq!(server.wait_for_exit().code(), Some(1));
}

fn sigint_skips_the_drain_delay(command: Command) {
    let server = start(command, &["--drain-delay", "1h"]);
    server.signal("INT");
    assert_eq!(server.wait_for_exit().code(), Some(0));
}
