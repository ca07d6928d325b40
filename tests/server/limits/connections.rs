//! Time-outs, the age and the number of connections.

use std::{
    io::{ErrorKind, Read, Write},
    time::Duration,
};

use tests::{Server, connect, read_to_close, send_raw};

tests::server_tests! {
    slow_headers_close_the_connection(&["--header-timeout", "200ms", "--idle-timeout", "200ms"]);
    idle_connection_is_closed_after_its_request(&["--idle-timeout", "200ms"]);
    old_connection_is_closed_after_the_current_response(&["--max-connection-age", "200ms"]);
    young_connection_is_kept_open(&[]);
    connection_over_the_limit_waits(&["--max-connections", "2"]);
}

fn slow_headers_close_the_connection(server: &Server) {
    for bytes in [&b""[..], b"G", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\n", b"PRI * HTTP/2", b"PR"] {
        let response = send_raw(server, bytes);
        assert!(response.is_empty() || response.starts_with("HTTP/1.1 408"), "{bytes:?}: {response:?}");
    }
    assert_eq!(server.get("/").status, 200);
}

/// The request takes longer than the time-out, which only counts while nothing is in flight.
fn idle_connection_is_closed_after_its_request(server: &Server) {
    let response = send_raw(server, b"GET /delay/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(response.starts_with("HTTP/1.1 200"), "{response:?}");
}

fn old_connection_is_closed_after_the_current_response(server: &Server) {
    let responses = send_raw(server, b"GET /delay/0.5 HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let (first, second) = responses.rsplit_once("HTTP/1.1 200").expect("there are two responses");
    assert!(first.starts_with("HTTP/1.1 200") && !first.contains("connection: close"), "{responses}");
    assert!(second.contains("connection: close"), "{responses}");
}

fn young_connection_is_kept_open(server: &Server) {
    let requests = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100);
    let last = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let responses = send_raw(server, &[&requests[..], last].concat());
    assert_eq!(responses.matches("HTTP/1.1 200").count(), 101);
    assert_eq!(responses.matches("connection: close").count(), 1);
}

fn connection_over_the_limit_waits(server: &Server) {
    let accepted = [(); 2].map(|()| connect(server.address));
    server.wait_for_metric("http_connections", 2.0);
    let mut waiting = connect(server.address);
    waiting.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("the request is sent");
    // Only a time-out can show that nothing arrives.
    let io_timeout = waiting.read_timeout().expect("the socket has a time-out");
    waiting.set_read_timeout(Some(Duration::from_millis(300))).expect("the socket accepts a time-out");
    let error = waiting.read(&mut [0]).expect_err("a connection over the limit gets no response");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    assert!((server.metric("http_connections") - 2.0).abs() < f64::EPSILON);
    drop(accepted);
    waiting.set_read_timeout(io_timeout).expect("the socket accepts a time-out");
    let response = read_to_close(&mut waiting);
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
}
