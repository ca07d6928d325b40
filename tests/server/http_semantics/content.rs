//! Responses without content, and their header fields about its length (RFC 9110, 8.6 and 9.3.2).

use tests::{Protocol, Response, Server, request, send, send_raw};

use crate::Case;

pub(crate) const CASES: &[Case] = &[
    ("a response with status 204 has no content-length", &[], no_content),
    ("a response with status 304 has the content-length of the 200 or none", &[], not_modified),
    ("a response to HEAD has the content-length of that to GET", &[], head),
    ("a rejected HEAD has no content, and the length of the problem", &["--max-in-flight", "1"], rejected_head),
];

/// Returns the head of the response in lower case.
pub(crate) fn head_of(server: &Server, method: &str, path: &str) -> String {
    let all = send_raw(server, format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes());
    let (head, body) = all.split_once("\r\n\r\n").expect("the head is complete");
    if method == "HEAD" {
        assert_eq!(body, "", "HEAD has no content");
    }
    head.to_ascii_lowercase()
}

fn send_over(protocol: Protocol, server: &Server, method: &str, path: &str) -> Response {
    send(server.address, protocol, request(method, path, ""))
}

fn no_content(server: &Server) {
    for method in ["GET", "HEAD"] {
        let head = head_of(server, method, "/status/204");
        assert!(!head.contains("content-length") && !head.contains("transfer-encoding"), "{method}: {head}");
        let response = send_over(Protocol::Http2, server, method, "/status/204");
        assert_eq!(response.headers.get("content-length"), None, "{method}");
    }
}

fn not_modified(server: &Server) {
    let head = head_of(server, "GET", "/status/304");
    assert!(!head.contains("content-length: 0") && !head.contains("transfer-encoding"), "{head}");
    let response = send_over(Protocol::Http2, server, "GET", "/status/304");
    assert_ne!(response.header("content-length"), "0");
}

fn head(server: &Server) {
    for path in ["/", "/info", "/status/200", "/status/503", "/nope", "/echo"] {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let lengths = ["GET", "HEAD"].map(|method| {
                let response = send_over(protocol, server, method, path);
                response.header("content-length").to_owned()
            });
            let [of_get, of_head] = lengths;
            assert!(of_head == of_get || of_head.is_empty(), "{protocol:?} {path}: {of_head} is not {of_get}");
        }
    }
}

fn rejected_head(server: &Server) {
    std::thread::scope(|scope| {
        scope.spawn(|| server.get("/delay/2"));
        server.wait_for_metric("http_requests_in_flight", 1.0);
        let [of_get, of_head] = ["GET", "HEAD"].map(|method| send_over(Protocol::Http2, server, method, "/"));
        assert_eq!([of_get.status, of_head.status].map(|status| status.as_u16()), [503; 2]);
        assert_eq!(of_head.body, "");
        assert_eq!(of_head.header("content-length"), of_get.body.len().to_string());
    });
}
