//! The ends of requests and connections: half-closed connections, resets, and `Expect: 100-continue`.

use std::{
    io::Write,
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

use tests::{Server, connect, read_head, read_to_close, reset_connection};

use crate::Case;

pub(crate) const CASES: &[Case] = &[
    ("a client that closes its side after a request gets the response", &[], half_close),
    ("a client that closes its side after two requests gets both responses", &[], half_close_of_two),
    ("a client that closes its side within a body gets no complete response", &[], half_close_within_body),
    ("a client that resets the connection ends its request", &[], reset_within_request),
    ("100 is sent when the handler reads the body", &[], continued),
    (
        "a body over the limit gets 413 instead of 100, and the connection is closed",
        &["--body-limit", "1KiB"],
        rejected_body,
    ),
    ("a body that the handler does not read gets no 100, and the connection is closed", &[], unread_body),
];

fn half_closed(server: &Server, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(server.address);
    stream.write_all(bytes).expect("the request is sent");
    stream.shutdown(Shutdown::Write).expect("the connection is half-closed");
    stream
}

fn half_close(server: &Server) {
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"GET /delay/0.2 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /delay/0.2 HTTP/1.0\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nfour",
        b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n",
    ] {
        let response = read_to_close(&mut half_closed(server, bytes));
        assert!(response.starts_with("HTTP/1.1 200") || response.starts_with("HTTP/1.0 200"), "{response:?}");
    }
    server.wait_for_metric("http_requests_total{method=\"GET\",status=\"200\"}", 3.0);
    server.wait_for_metric("http_requests_total{method=\"POST\",status=\"200\"}", 2.0);
    server.wait_for_metric("http_connections", 0.0);
}

fn half_close_of_two(server: &Server) {
    let two = b"GET /delay/0.1 HTTP/1.1\r\nHost: a\r\n\r\nGET /delay/0.1 HTTP/1.1\r\nHost: a\r\n\r\n";
    let responses = read_to_close(&mut half_closed(server, two));
    assert_eq!(responses.matches("HTTP/1.1 200").count(), 2, "{responses}");
}

fn half_close_within_body(server: &Server) {
    let half = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nfour";
    let response = read_to_close(&mut half_closed(server, half));
    assert!(!response.contains("\r\n\r\nfour\r\n0\r\n\r\n"), "{response:?}");
    server.wait_for_metric("http_connections", 0.0);
}

fn reset_within_request(server: &Server) {
    let started = Instant::now();
    for closes_first in [false, true] {
        let mut stream = connect(server.address);
        stream.write_all(b"GET /delay/10 HTTP/1.1\r\nHost: a\r\n\r\n").expect("the request is sent");
        server.wait_for_metric("http_requests_in_flight", 1.0);
        if closes_first {
            stream.shutdown(Shutdown::Write).expect("the connection is half-closed");
        }
        reset_connection(stream);
        server.wait_for_metric("http_requests_in_flight", 0.0);
    }
    assert!(started.elapsed() < Duration::from_secs(10), "a request is served to its end");
    server.wait_for_metric("http_requests_total{method=\"GET\",status=\"499\"}", 2.0);
}

/// Sends the head of a request that expects 100, and returns the head of the next response.
fn expecting(server: &Server, target: &str, length: usize) -> (TcpStream, String) {
    let mut stream = connect(server.address);
    let head = format!("POST {target} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("the request is sent");
    let response = read_head(&mut stream).to_ascii_lowercase();
    (stream, response)
}

fn continued(server: &Server) {
    let (mut stream, interim) = expecting(server, "/echo", 4);
    assert_eq!(interim, "http/1.1 100 continue\r\n\r\n");
    stream.write_all(b"four").expect("the request is sent");
    stream.shutdown(Shutdown::Write).expect("the connection is half-closed");
    let response = read_to_close(&mut stream);
    assert!(response.starts_with("HTTP/1.1 200") && response.ends_with("four"), "{response}");
}

fn rejected_body(server: &Server) {
    let (mut stream, head) = expecting(server, "/echo", 2000);
    assert!(head.starts_with("http/1.1 413") && head.contains("connection: close"), "{head}");
    assert!(!read_to_close(&mut stream).contains("HTTP/1.1"), "there are two responses");
}

fn unread_body(server: &Server) {
    for target in ["/nope", "/"] {
        let (mut stream, head) = expecting(server, target, 4);
        assert!(head.starts_with("http/1.1 40") && head.contains("connection: close"), "{target}: {head}");
        assert!(!read_to_close(&mut stream).contains("HTTP/1.1"), "there are two responses");
    }
}
