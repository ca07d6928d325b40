//! Bodies: too long, too slow, of every length, and read late.

use std::{
    io::{Read, Write},
    thread,
    time::Duration,
};

use bytes::Bytes;
use tests::{Protocol, Server, connect, read_to_close, request, send, send_raw};

tests::server_tests! {
    trickling_body_is_cut_off(&["--max-in-flight", "1", "--request-timeout", "300ms"]);
    slow_but_steady_body_completes(&["--max-in-flight", "1", "--request-timeout", "300ms"]);
    chunked_body_over_the_limit_is_never_echoed_completely(&["--body-limit", "100KiB"]);
    bodies_around_the_coalescing_threshold_are_intact(&[]);
    early_response_survives_an_unread_body(&["--body-limit", "1MiB"]);
    response_that_is_read_late_is_intact(&["--header-timeout", "1s", "--idle-timeout", "1s"]);
}

/// Sends a body to `/echo` in pieces, with a pause after each, until the body ends or the connection is closed. Returns the response.
fn send_slowly(server: &Server, pieces: usize, bytes: usize, pause: Duration) -> String {
    let mut sender = connect(server.address);
    let length = pieces * bytes;
    let head = format!("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    sender.write_all(head.as_bytes()).expect("the head is sent");
    let mut receiver = sender.try_clone().expect("the socket is cloned");
    let response = thread::spawn(move || read_to_close(&mut receiver));
    for _ in 0..pieces {
        if response.is_finished() || sender.write_all(&vec![b'z'; bytes]).is_err() {
            break;
        }
        thread::sleep(pause);
    }
    response.join().expect("the connection is closed in time")
}

fn trickling_body_is_cut_off(server: &Server) {
    let response = send_slowly(server, 10_000, 1, Duration::from_millis(20));
    let echoed = response.matches('z').count();
    assert!(response.starts_with("HTTP/1.1 200") && echoed < 1000, "{echoed} bytes");
    server.wait_for_metric("http_requests_in_flight", 0.0);
    assert_eq!(server.get("/").status, 200);
}

fn slow_but_steady_body_completes(server: &Server) {
    let response = send_slowly(server, 20, 20_000, Duration::from_millis(50));
    let echoed = response.matches('z').count();
    assert!(response.starts_with("HTTP/1.1 200") && echoed == 400_000, "{echoed} bytes");
}

fn chunked_body_over_the_limit_is_never_echoed_completely(server: &Server) {
    let mut bytes = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..20 {
        bytes.extend_from_slice(b"2800\r\n");
        bytes.extend_from_slice(&[b'x'; 0x2800]);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    let response = send_raw(server, &bytes);
    let (head, body) = response.split_once("\r\n\r\n").expect("the head is complete");
    assert!(head.starts_with("HTTP/1.1 413") || !body.ends_with("0\r\n\r\n"), "the echo ends as if complete: {head}");
    assert_eq!(server.get("/").status, 200);
}

/// Head and body of a response of up to 1,024 bytes are copied into one buffer; of a longer one they are not.
fn bodies_around_the_coalescing_threshold_are_intact(server: &Server) {
    for length in [0, 1, 700, 800, 850, 900, 1_023, 1_024, 1_025] {
        let body: Bytes = (b'a'..=b'z').cycle().take(length).collect();
        let echoed = send(server.address, Protocol::Http1, request("POST", "/echo", body.clone())).body;
        assert!(echoed == body, "{length} bytes were echoed as {}", echoed.len());
    }
}

/// A connection that is closed while the client still sends is reset, and the response can be lost.
fn early_response_survives_an_unread_body(server: &Server) {
    for (path, length, status) in [("/echo", 8 << 20, "413"), ("/info", 1 << 20, "405")] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
        let response = send_raw(server, &[head.as_bytes(), &vec![b'x'; length]].concat());
        assert!(response.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {response:?}");
        assert!(response.contains("application/problem+json") && response.ends_with('}'), "{path}: {response:?}");
    }
    server.wait_for_metric("http_connections", 0.0);
}

/// While the client does not read, the kernel buffers some megabytes. Some of these responses are a little longer, so that the server
/// has only a rest to write when the time-outs of an idle connection have passed.
fn response_that_is_read_late_is_intact(server: &Server) {
    thread::scope(|scope| {
        for length in (3_800_000..4_600_000).step_by(50_000) {
            scope.spawn(move || {
                let mut reader = connect(server.address);
                let mut writer = reader.try_clone().expect("the socket is cloned");
                scope.spawn(move || {
                    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
                    let head = format!("{head}Content-Length: {length}\r\n\r\n");
                    writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&vec![b'z'; length]))
                });
                // The pause is the condition under test: twice the time-outs.
                thread::sleep(Duration::from_secs(2));
                let mut response = Vec::new();
                reader.read_to_end(&mut response).expect("the response arrives");
                let received = response.len();
                assert!(response.ends_with(&vec![b'z'; length]), "{received} bytes with the head, of {length}");
            });
        }
    });
}
