//! The ends of requests and connections: clients that send no more and await a response, and those that wait for 100.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

use tests::{Server, read_to_close, reset, tcp};

use crate::Case;

pub(crate) const CASES: &[Case] = &[
    ("a client that closes its side after a request gets the response", &[], half_close),
    ("a client that closes its side after two requests gets both responses", &[], half_close_of_two),
    ("a client that closes its side within a body gets no response to it", &[], half_close_within_body),
    ("a client that resets the connection ends its request", &[], reset_connection),
    ("100 comes when the body is read, and before it is sent", &[], continued),
    ("no 100 for a body over the limit, and the connection closes", &["--body-limit", "1KiB"], rejected_body),
    ("no 100 for a body that nobody reads, and the connection closes", &[], unread_body),
];

fn half_closed(server: &Server, bytes: &[u8]) -> TcpStream {
    let mut stream = tcp(server.address);
    stream.write_all(bytes).expect("sent");
    stream.shutdown(Shutdown::Write).expect("half-closed");
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

fn reset_connection(server: &Server) {
    let started = Instant::now();
    for closes_first in [false, true] {
        let mut stream = tcp(server.address);
        stream.write_all(b"GET /delay/10 HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
        server.wait_for_metric("http_requests_in_flight", 1.0);
        if closes_first {
            stream.shutdown(Shutdown::Write).expect("half-closed");
        }
        reset(stream);
        server.wait_for_metric("http_requests_in_flight", 0.0);
    }
    assert!(started.elapsed() < Duration::from_secs(10), "the requests went on to their end");
    server.wait_for_metric("http_requests_total{method=\"GET\",status=\"499\"}", 2.0);
}

/// Sends the headers of a request that expects 100, and returns what comes next of the response: a head.
fn expecting(server: &Server, target: &str, length: usize) -> (TcpStream, String) {
    let mut stream = tcp(server.address);
    let head = format!("POST {target} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("sent");
    let mut response = String::new();
    while !response.ends_with("\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a response");
        response.push(byte[0].into());
    }
    (stream, response.to_ascii_lowercase())
}

fn continued(server: &Server) {
    let (mut stream, interim) = expecting(server, "/echo", 4);
    assert_eq!(interim, "http/1.1 100 continue\r\n\r\n");
    stream.write_all(b"four").expect("sent");
    stream.shutdown(Shutdown::Write).expect("half-closed");
    let response = read_to_close(&mut stream);
    assert!(response.starts_with("HTTP/1.1 200") && response.ends_with("four"), "{response}");
}

fn rejected_body(server: &Server) {
    let (mut stream, head) = expecting(server, "/echo", 2000);
    assert!(head.starts_with("http/1.1 413") && head.contains("connection: close"), "{head}");
    assert!(!read_to_close(&mut stream).contains("HTTP/1.1"), "one response");
}

fn unread_body(server: &Server) {
    for target in ["/nope", "/"] {
        let (mut stream, head) = expecting(server, target, 4);
        assert!(head.starts_with("http/1.1 40") && head.contains("connection: close"), "{target}: {head}");
        assert!(!read_to_close(&mut stream).contains("HTTP/1.1"), "one response");
    }
}
