//! The contract: requests, and the responses that each runtime must return.

use serde_json::json;
use tests::{BoxRequest, Response, VERSION, request};

use crate::{
    BODY_LIMIT, MESSAGE,
    checks::{is_head, is_json, is_problem},
    requests::{chunked_echo, pattern, utf8_header, with},
};

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) request: fn() -> BoxRequest,
    pub(crate) status: u16,
    pub(crate) check: fn(&Response),
    /// Whether the response depends on hello-server, so that other hosts of the component may differ.
    pub(crate) needs_our_server: bool,
}

fn case(name: &'static str, request: fn() -> BoxRequest, status: u16, check: fn(&Response)) -> Case {
    Case { name, request, status, check, needs_our_server: false }
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case(
            "greeting",
            || request("GET", "/", ""),
            200,
            |response| {
                is_json(response);
                assert_eq!(response.json()["message"], MESSAGE);
                assert_eq!(response.json()["version"], VERSION);
                assert_eq!(response.json().as_object().map(serde_json::Map::len), Some(3));
            },
        ),
        case("greeting with a query", || request("GET", "/?name=world&x=%26", ""), 200, is_json),
        case("greeting for any type", || with("accept", "*/*", request("GET", "/", "")), 200, is_json),
        case(
            "page",
            || with("accept", "text/html,*/*;q=0.8", request("GET", "/", "")),
            200,
            |response| {
                assert!(response.header("content-type").starts_with("text/html"));
                assert!(response.text().contains("<h1>Grüße &lt;b&gt;&amp;&quot;&#39;</h1>"));
                assert!(response.text().contains("fill=\"teal\""));
            },
        ),
        case("greeting, head", || request("HEAD", "/", ""), 200, is_head),
        case(
            "info",
            || request("GET", "/info", ""),
            200,
            |response| {
                is_json(response);
                for field in ["message", "runtime", "version", "commit", "target", "wasi_host", "hostname"] {
                    assert!(response.json().get(field).is_some(), "{field}");
                }
            },
        ),
        case("info, head", || request("HEAD", "/info", ""), 200, is_head),
        case(
            "health",
            || request("GET", "/healthz", ""),
            200,
            |response| assert_eq!(response.json(), json!({"status": "ok"})),
        ),
        case(
            "echo",
            || with("content-type", "text/plain; charset=utf-8", request("POST", "/echo", "grüße")),
            200,
            |response| {
                assert_eq!(response.header("content-type"), "text/plain; charset=utf-8");
                assert_eq!(response.text(), "grüße");
            },
        ),
        case(
            "echo without a type",
            || request("PUT", "/echo", vec![0, 159, 146, 150]),
            200,
            |response| {
                assert_eq!(response.header("content-type"), "application/octet-stream");
                assert_eq!(&response.body[..], [0, 159, 146, 150]);
            },
        ),
        case(
            "echo of an empty body",
            || request("GET", "/echo", ""),
            200,
            |response| assert!(response.body.is_empty()),
        ),
        case("echo, head", || request("HEAD", "/echo", ""), 200, |response| assert!(response.body.is_empty())),
        case(
            "echo of a body at the limit",
            || request("POST", "/echo", pattern(BODY_LIMIT)),
            200,
            |response| {
                assert!(response.body == pattern(BODY_LIMIT));
            },
        ),
        case("echo of chunks", chunked_echo, 200, |response| assert!(response.body == pattern(300_000))),
        case(
            "echo by delete",
            || request("DELETE", "/echo", "deleted"),
            200,
            |response| assert_eq!(response.text(), "deleted"),
        ),
        case(
            "echo by patch",
            || request("PATCH", "/echo", "changed"),
            200,
            |response| assert_eq!(response.text(), "changed"),
        ),
        case("echo by options", || request("OPTIONS", "/echo", ""), 200, |response| assert!(response.body.is_empty())),
        case(
            "echo by an unknown method",
            || request("PURGE", "/echo", "all"),
            200,
            |response| assert_eq!(response.text(), "all"),
        ),
        Case {
            needs_our_server: true,
            ..case("body over the limit", || request("POST", "/echo", pattern(BODY_LIMIT + 1)), 413, is_problem)
        },
        case(
            "headers",
            || with("x-twice", "two", with("x-twice", "one", request("GET", "/headers", ""))),
            200,
            |response| {
                assert_eq!(response.json()["x-twice"], json!(["one", "two"]));
                assert_eq!(response.json().get("connection"), None);
            },
        ),
        Case {
            needs_our_server: true,
            ..case(
                "headers, host",
                || request("GET", "/headers", ""),
                200,
                |response| assert_eq!(response.json()["host"], json!(["hello.test"])),
            )
        },
        case("headers in UTF-8", utf8_header, 200, |response| assert_eq!(response.json()["x-name"], json!(["Jürgen"]))),
        case("headers, head", || request("HEAD", "/headers", ""), 200, is_head),
        case(
            "status 200",
            || request("GET", "/status/200", ""),
            200,
            |response| assert_eq!(response.json(), json!({"status": 200})),
        ),
        case("status 204", || request("GET", "/status/204", ""), 204, |response| assert!(response.body.is_empty())),
        case("status 304", || request("GET", "/status/304", ""), 304, |response| assert!(response.body.is_empty())),
        case("status 404", || request("GET", "/status/404", ""), 404, is_problem),
        case("status 418", || request("GET", "/status/418", ""), 418, is_problem),
        case("status 503", || request("GET", "/status/503", ""), 503, is_problem),
        case("status 599", || request("GET", "/status/599", ""), 599, is_problem),
        case("status, percent-encoded", || request("GET", "/status/%32%30%31", ""), 201, is_json),
        case("status, head", || request("HEAD", "/status/200", ""), 200, is_head),
        case("status 199", || request("GET", "/status/199", ""), 400, is_problem),
        case("status 600", || request("GET", "/status/600", ""), 400, is_problem),
        case("status that is not a number", || request("GET", "/status/ok", ""), 400, is_problem),
        case("status over 64 bits", || request("GET", "/status/99999999999999999999", ""), 400, is_problem),
        case("status that is not UTF-8", || request("GET", "/status/%ff", ""), 400, is_problem),
        case(
            "delay 0",
            || request("GET", "/delay/0", ""),
            200,
            |response| assert_eq!(response.json(), json!({"delay": 0.0})),
        ),
        case(
            "delay 0.02",
            || request("GET", "/delay/0.02", ""),
            200,
            |response| assert_eq!(response.json(), json!({"delay": 0.02})),
        ),
        case("delay 10.5", || request("GET", "/delay/10.5", ""), 400, is_problem),
        case("delay -1", || request("GET", "/delay/-1", ""), 400, is_problem),
        case("delay NaN", || request("GET", "/delay/NaN", ""), 400, is_problem),
        case("delay 1e1", || request("GET", "/delay/1e1", ""), 400, is_problem),
        case(
            "openapi",
            || request("GET", "/openapi.json", ""),
            200,
            |response| {
                is_json(response);
                assert_eq!(response.json()["openapi"], "3.1.0");
            },
        ),
        case("openapi, head", || request("HEAD", "/openapi.json", ""), 200, is_head),
        case("unknown path", || request("GET", "/nope", ""), 404, is_problem),
        case("unknown path, head", || request("HEAD", "/nope", ""), 404, |response| assert!(response.body.is_empty())),
        case("unknown path in UTF-8", || request("GET", "/gr%C3%BC%C3%9Fe", ""), 404, is_problem),
        case("unknown path that is not UTF-8", || request("GET", "/%ff%00", ""), 404, is_problem),
        case("path in other case", || request("GET", "/INFO", ""), 404, is_problem),
        case("path with a trailing slash", || request("GET", "/info/", ""), 404, is_problem),
        case("two slashes", || request("GET", "//", ""), 404, is_problem),
        case(
            "post to the greeting",
            || request("POST", "/", "x"),
            405,
            |response| {
                is_problem(response);
                assert_eq!(response.header("allow"), "GET,HEAD");
            },
        ),
        case("delete of a status", || request("DELETE", "/status/200", ""), 405, is_problem),
        case("unknown method on info", || request("BREW", "/info", ""), 405, is_problem),
    ]
}
