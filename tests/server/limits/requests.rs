//! Checks of a request, its id, and its metrics.

use tests::{Protocol, Server, request, send, send_raw};

tests::server_tests! {
    host_header_is_required(&[]);
    malformed_request_is_rejected_with_4xx(&[]);
    each_request_is_counted_once(&[]);
    request_id_is_kept_or_generated(&[]);
}

fn host_header_is_required(server: &Server) {
    for bytes in [
        &b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: a/b\r\n\r\n",
    ] {
        let response = send_raw(server, bytes);
        assert_eq!(response.get(8..12), Some(" 400"), "{response:?}");
    }
    assert!(send_raw(server, b"GET / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 200"));
    let absolute = b"GET http://a/info HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert!(send_raw(server, absolute).starts_with("HTTP/1.1 200"));
}

fn malformed_request_is_rejected_with_4xx(server: &Server) {
    let large_header = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(140_000));
    let many_headers = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(200));
    for bytes in
        [&b"\0\0\0\0\r\n\r\n"[..], b"GET /\r\n\r\n", b"HELLO\r\n\r\n", large_header.as_bytes(), many_headers.as_bytes()]
    {
        let response = send_raw(server, bytes);
        assert!(response.starts_with("HTTP/1.1 4"), "{:?}: {response:?}", &bytes[..20.min(bytes.len())]);
    }
    assert_eq!(server.get("/").status, 200);
}

fn each_request_is_counted_once(server: &Server) {
    for path in ["/", "/info", "/nope", "/status/503"] {
        _ = server.get(path);
    }
    _ = send(server.address, Protocol::Http1, request("BREW", "/", ""));
    server.wait_for_metric("http_requests_total{method=\"GET\",status=\"200\"}", 2.0);
    server.wait_for_metric("http_requests_total{method=\"GET\",status=\"404\"}", 1.0);
    server.wait_for_metric("http_requests_total{method=\"GET\",status=\"503\"}", 1.0);
    server.wait_for_metric("http_requests_total{method=\"other\",status=\"405\"}", 1.0);
    server.wait_for_metric("http_request_duration_seconds_count{status=\"2xx\"}", 2.0);
    let metrics = server.get_admin("/metrics");
    let series = metrics.text().lines().filter(|line| line.starts_with("http_requests_total{"));
    let counts = series.filter_map(|line| line.rsplit(' ').next()?.parse::<u32>().ok());
    assert_eq!(counts.sum::<u32>(), 5, "{}", metrics.text());
    assert!(metrics.text().contains("build_info{"));
    assert!(metrics.text().contains("process_resident_memory_bytes "));
    assert!(!metrics.text().contains("nope"), "a path is a label");
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
}

fn request_id_is_kept_or_generated(server: &Server) {
    let id_for = |id: Option<&'static str>| {
        let mut request = request("GET", "/headers", "");
        if let Some(id) = id {
            request.headers_mut().insert("x-request-id", id.parse().expect("the value is valid"));
        }
        let response = send(server.address, Protocol::Http1, request);
        let id = response.header("x-request-id").to_owned();
        assert_eq!(response.json()["x-request-id"][0], id.as_str(), "the handler sees another id");
        id
    };
    assert_eq!(id_for(Some("abc-123")), "abc-123");
    assert!(id_for(Some("two words")).bytes().all(|byte| byte.is_ascii_digit()));
    assert_ne!(id_for(None), id_for(None));
}
