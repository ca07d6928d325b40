//! The limit on requests in flight, and what releases the permit of a request.

use std::{io::Write, net::Shutdown, thread};

use tests::{Protocol, Server, connect, get, read_to_close, request, send};

tests::server_tests! {
    request_over_the_limit_is_rejected_with_503(&["--max-in-flight", "1"]);
    burst_of_quick_requests_is_not_rejected(&["--max-in-flight", "16"]);
    stalled_client_releases_its_permit(&["--max-in-flight", "1", "--request-timeout", "500ms", "--body-limit", "64MiB"]);
    broken_upload_releases_its_permit(&["--max-in-flight", "1", "--request-timeout", "1h", "--idle-timeout", "1h"]);
    late_response_is_504(&["--request-timeout", "200ms"]);
}

fn request_over_the_limit_is_rejected_with_503(server: &Server) {
    let address = server.address;
    let slow = thread::spawn(move || get(address, "/delay/2"));
    server.wait_for_metric("http_requests_in_flight", 1.0);
    let rejected = server.get("/");
    assert_eq!((rejected.status.as_u16(), rejected.header("retry-after")), (503, "1"));
    assert_eq!(rejected.header("content-type"), "application/problem+json");
    assert_eq!(server.get_admin("/readyz").status, 200);
    assert_eq!(slow.join().expect("the request in flight gets its response").status, 200);
    server.wait_for_metric("http_requests_shed_total", 1.0);
    server.wait_for_metric("http_requests_in_flight", 0.0);
    assert_eq!(server.get("/").status, 200);
}

fn burst_of_quick_requests_is_not_rejected(server: &Server) {
    let mut connections: Vec<_> = (0..64).map(|_| connect(server.address)).collect();
    server.wait_for_metric("http_connections", 64.0);
    for connection in &mut connections {
        connection.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("the request is sent");
    }
    for mut connection in connections {
        let response = read_to_close(&mut connection);
        assert!(response.starts_with("HTTP/1.1 200"), "{response:?}");
    }
}

fn stalled_client_releases_its_permit(server: &Server) {
    let mut silent = connect(server.address);
    let start = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n";
    silent.write_all(start).expect("the request is sent");
    server.wait_for_metric("http_requests_in_flight", 1.0);
    server.wait_for_metric("http_requests_in_flight", 0.0);

    let mut deaf = connect(server.address);
    // More than the kernel buffers at both ends.
    let length = 64 << 20;
    let head = format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    deaf.write_all(head.as_bytes()).expect("the head is sent");
    // The client does not read, so the buffers fill up, the server stalls and closes the connection.
    deaf.write_all(&vec![b'x'; length]).expect_err("the server accepts all of the body");
    server.wait_for_metric("http_requests_in_flight", 0.0);
    assert_eq!(server.get("/").status, 200);
}

fn broken_upload_releases_its_permit(server: &Server) {
    for is_reset in [false, true] {
        let mut client = connect(server.address);
        let half = format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{}", "z".repeat(500));
        client.write_all(half.as_bytes()).expect("the request is sent");
        server.wait_for_metric("http_requests_in_flight", 1.0);
        // The kernel resets a connection that is closed with unread bytes.
        client.peek(&mut [0]).expect("the response starts");
        if !is_reset {
            client.shutdown(Shutdown::Write).expect("the connection is half-closed");
            let echoed = read_to_close(&mut client).matches('z').count();
            assert!(echoed <= 500, "{echoed} bytes of 500");
        }
        drop(client);
        server.wait_for_metric("http_requests_in_flight", 0.0);
        server.wait_for_metric("http_connections", 0.0);
        assert_eq!(server.get("/").status, 200);
    }
}

fn late_response_is_504(server: &Server) {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let late = send(server.address, protocol, request("GET", "/delay/10", ""));
        let status_and_type = (late.status.as_u16(), late.header("content-type"));
        assert_eq!(status_and_type, (504, "application/problem+json"), "{protocol:?}");
    }
    assert_eq!(server.get("/").status, 200);
}
