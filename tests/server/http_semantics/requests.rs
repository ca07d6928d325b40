//! Valid and invalid requests, which each runtime and protocol must treat alike.

use tests::{Protocol, Server, into_http2, request, send, send_raw};

use crate::Case;

pub(crate) const CASES: &[Case] = &[
    ("a host that is not one is rejected with 400", &[], invalid_hosts),
    ("a host by RFC 3986 is accepted", &[], valid_hosts),
    ("a request without a host is rejected with 400, over HTTP/1.0 accepted", &[], no_host),
    ("cookies of HTTP/2 are one field", &[], cookies),
    ("the 101st header field is rejected with 431", &[], many_headers),
    ("OPTIONS * gets a response", &[], options),
    ("HTTP/1.2 is rejected", &[], version),
    ("a body with trailers is whole", &[], trailers),
];

fn status(response: &str) -> &str {
    response.split(' ').nth(1).unwrap_or_default()
}

fn with_host(server: &Server, host: &str) -> String {
    send_raw(server, format!("GET /info HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())
}

fn invalid_hosts(server: &Server) {
    for host in ["a:b", "a:99999", "user:pw@a", "user@a", "[zz]", "[::1]:x", "[::1", "::1", "a b", "a/b", ":80", ""] {
        let response = with_host(server, host);
        assert_eq!(status(&response), "400", "{host}: {response}");
        assert!(response.contains("application/problem+json"), "{host}: {response}");
        let absolute = format!("GET http://{host}/info HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(status(&send_raw(server, absolute.as_bytes())), "400", "{host}");
    }
    // The HTTP/2 client refuses to send the others.
    for host in ["user:pw@a", "a:99999"] {
        let mut request = request("GET", "/info", "");
        *request.uri_mut() = format!("http://{host}/info").parse().expect("the URI is valid");
        request.headers_mut().remove("host");
        assert_eq!(send(server.address, Protocol::Http2, request).status, 400, "{host}");
    }
    // Requests whose target hyper cannot parse are not counted.
    server.wait_for_metric_where(
        "http_requests_total{method=\"GET\",status=\"400\"}",
        |count| count >= 14.0,
        "14 or more",
    );
}

fn valid_hosts(server: &Server) {
    for host in ["a", "a_b.example", "a:", "a:80", "a:65535", "127.0.0.1:8080", "[::1]", "[::1]:8080", "%41"] {
        let response = with_host(server, host);
        assert_eq!(status(&response), "200", "{host}: {response}");
    }
}

fn no_host(server: &Server) {
    assert_eq!(status(&send_raw(server, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")), "400");
    assert_eq!(status(&send_raw(server, b"GET /info HTTP/1.0\r\n\r\n")), "200");
}

fn cookies(server: &Server) {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut request = request("GET", "/headers", "");
        for cookie in ["a=1", "b=2; c=3", "d=4"] {
            request.headers_mut().append("cookie", cookie.parse().expect("the value is valid"));
        }
        let seen = send(server.address, protocol, request).json()["cookie"].clone();
        let expected = match protocol {
            Protocol::Http1 => serde_json::json!(["a=1", "b=2; c=3", "d=4"]),
            Protocol::Http2 => serde_json::json!(["a=1; b=2; c=3; d=4"]),
        };
        assert_eq!(seen, expected, "{protocol:?}");
    }
}

fn many_headers(server: &Server) {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        // HTTP/1.1 has a Host field as well.
        let of_protocol = usize::from(protocol == Protocol::Http1);
        for (count, status) in [(100, 200), (101, 431)] {
            let mut request = request("GET", "/info", "");
            for index in of_protocol..count {
                request.headers_mut().append("x-one", index.to_string().parse().expect("the value is valid"));
            }
            assert_eq!(send(server.address, protocol, request).status, status, "{protocol:?}, {count}");
        }
    }
}

fn options(server: &Server) {
    let response = send_raw(server, b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(status(&response), "404", "{response}");
    let mut request = into_http2(request("OPTIONS", "/", "")).expect("the request is valid in HTTP/2");
    *request.uri_mut() = "http://hello.test".parse().expect("the URI is valid");
    assert_eq!(send(server.address, Protocol::Http2, request).status, 405);
}

fn version(server: &Server) {
    let response = send_raw(server, b"GET / HTTP/1.2\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(status(&response), "400", "{response}");
}

fn trailers(server: &Server) {
    let head =
        "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n";
    let response = send_raw(server, format!("{head}4\r\nfour\r\n0\r\nx-sum: 4\r\n\r\n").as_bytes());
    assert_eq!(status(&response), "200", "{response}");
    assert!(response.contains("four") && !response.contains("x-sum"), "{response}");
}
