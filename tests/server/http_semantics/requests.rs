//! Requests that are valid or not, as every runtime and protocol must see them alike.

use tests::{Protocol, Server, over_http2, raw, request, send};

use crate::Case;

pub(crate) const CASES: &[Case] = &[
    ("a host that is not one is rejected with 400", &[], invalid_hosts),
    ("a host by RFC 3986 is accepted", &[], valid_hosts),
    ("a request without a host is rejected with 400, over HTTP/1.0 accepted", &[], no_host),
    ("cookies of HTTP/2 are one field", &[], cookies),
    ("the 101st header field is rejected with 431", &[], many_headers),
    ("OPTIONS * is answered", &[], options),
    ("HTTP/1.2 is rejected", &[], version),
    ("a body with trailers is whole", &[], trailers),
];

fn status(response: &str) -> &str {
    response.split(' ').nth(1).unwrap_or_default()
}

fn with_host(server: &Server, host: &str) -> String {
    raw(server, format!("GET /info HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())
}

fn invalid_hosts(server: &Server) {
    for host in ["a:b", "a:99999", "user:pw@a", "user@a", "[zz]", "[::1]:x", "[::1", "::1", "a b", "a/b", ":80", ""] {
        let response = with_host(server, host);
        assert_eq!(status(&response), "400", "{host}: {response}");
        assert!(response.contains("application/problem+json"), "{host}: {response}");
        let absolute = format!("GET http://{host}/info HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(status(&raw(server, absolute.as_bytes())), "400", "{host}");
    }
    // What else there is, a client of HTTP/2 refuses to send.
    for host in ["user:pw@a", "a:99999"] {
        let mut asked = request("GET", "/info", "");
        *asked.uri_mut() = format!("http://{host}/info").parse().expect("a URI");
        asked.headers_mut().remove("host");
        assert_eq!(send(server.address, Protocol::Http2, asked).status, 400, "{host}");
    }
    // Those of which hyper cannot read the target are counted by nobody.
    server.wait_until("http_requests_total{method=\"GET\",status=\"400\"}", |count| count >= 14.0, "14 or more");
}

fn valid_hosts(server: &Server) {
    for host in ["a", "a_b.example", "a:", "a:80", "a:65535", "127.0.0.1:8080", "[::1]", "[::1]:8080", "%41"] {
        let response = with_host(server, host);
        assert_eq!(status(&response), "200", "{host}: {response}");
    }
}

fn no_host(server: &Server) {
    assert_eq!(status(&raw(server, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")), "400");
    assert_eq!(status(&raw(server, b"GET /info HTTP/1.0\r\n\r\n")), "200");
}

fn cookies(server: &Server) {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut asked = request("GET", "/headers", "");
        for cookie in ["a=1", "b=2; c=3", "d=4"] {
            asked.headers_mut().append("cookie", cookie.parse().expect("a header"));
        }
        let seen = send(server.address, protocol, asked).json()["cookie"].clone();
        let expected = match protocol {
            Protocol::Http1 => serde_json::json!(["a=1", "b=2; c=3", "d=4"]),
            Protocol::Http2 => serde_json::json!(["a=1; b=2; c=3; d=4"]),
        };
        assert_eq!(seen, expected, "{protocol:?}");
    }
}

fn many_headers(server: &Server) {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        // Beside Host, which HTTP/2 has not.
        let of_protocol = usize::from(protocol == Protocol::Http1);
        for (count, status) in [(100, 200), (101, 431)] {
            let mut asked = request("GET", "/info", "");
            for index in of_protocol..count {
                asked.headers_mut().append("x-one", index.to_string().parse().expect("a header"));
            }
            assert_eq!(send(server.address, protocol, asked).status, status, "{protocol:?}, {count}");
        }
    }
}

fn options(server: &Server) {
    let response = raw(server, b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(status(&response), "404", "{response}");
    let mut asked = over_http2(request("OPTIONS", "/", "")).expect("a request");
    *asked.uri_mut() = "http://hello.test".parse().expect("a URI");
    assert_eq!(send(server.address, Protocol::Http2, asked).status, 405);
}

fn version(server: &Server) {
    let response = raw(server, b"GET / HTTP/1.2\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(status(&response), "400", "{response}");
}

fn trailers(server: &Server) {
    let head =
        "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n";
    let response = raw(server, format!("{head}4\r\nfour\r\n0\r\nx-sum: 4\r\n\r\n").as_bytes());
    assert_eq!(status(&response), "200", "{response}");
    assert!(response.contains("four") && !response.contains("x-sum"), "{response}");
}
