//! One table of requests and expected answers, put to every runtime, over every protocol it speaks. What a runtime answers must be
//! what the contract says and what the native binary says, but for the fields that tell the runtimes apart.

use std::{
    net::SocketAddr,
    process::{Command, ExitCode},
};

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::{Request, body::Frame, header::HeaderValue};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::json;
use tests::{Answer, AnyRequest, OtherHost, Protocol, RUNTIMES, Server, VERSION, request, send};

const BODY_LIMIT: usize = 1 << 20;
const MESSAGE: &str = "Grüße <b>&\"'";

/// Characters shown of a difference; bodies can be large.
const MAX_DIFFERENCE: usize = 2_000;

struct Case {
    name: &'static str,
    request: fn() -> AnyRequest,
    status: u16,
    check: fn(&Answer),
    /// Whether it is the server that answers, and not the handler: other hosts of the component need not agree.
    by_server: bool,
}

fn case(name: &'static str, request: fn() -> AnyRequest, status: u16, check: fn(&Answer)) -> Case {
    Case { name, request, status, check, by_server: false }
}

fn cases() -> Vec<Case> {
    vec![
        case(
            "greeting",
            || request("GET", "/", ""),
            200,
            |answer| {
                is_json(answer);
                assert_eq!(answer.json()["message"], MESSAGE);
                assert_eq!(answer.json()["version"], VERSION);
                assert_eq!(answer.json().as_object().map(serde_json::Map::len), Some(3));
            },
        ),
        case("greeting with a query", || request("GET", "/?name=world&x=%26", ""), 200, is_json),
        case("greeting for any type", || with("accept", "*/*", request("GET", "/", "")), 200, is_json),
        case(
            "page",
            || with("accept", "text/html,*/*;q=0.8", request("GET", "/", "")),
            200,
            |answer| {
                assert!(answer.header("content-type").starts_with("text/html"));
                assert!(answer.text().contains("<h1>Grüße &lt;b&gt;&amp;&quot;&#39;</h1>"));
                assert!(answer.text().contains("fill=\"teal\""));
            },
        ),
        case("greeting, head", || request("HEAD", "/", ""), 200, is_head),
        case(
            "info",
            || request("GET", "/info", ""),
            200,
            |answer| {
                is_json(answer);
                for field in ["message", "runtime", "version", "commit", "target", "wasi_host", "hostname"] {
                    assert!(answer.json().get(field).is_some(), "{field}");
                }
            },
        ),
        case("info, head", || request("HEAD", "/info", ""), 200, is_head),
        case(
            "health",
            || request("GET", "/healthz", ""),
            200,
            |answer| assert_eq!(answer.json(), json!({"status": "ok"})),
        ),
        case(
            "echo",
            || with("content-type", "text/plain; charset=utf-8", request("POST", "/echo", "grüße")),
            200,
            |answer| {
                assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
                assert_eq!(answer.text(), "grüße");
            },
        ),
        case(
            "echo without a type",
            || request("PUT", "/echo", vec![0, 159, 146, 150]),
            200,
            |answer| {
                assert_eq!(answer.header("content-type"), "application/octet-stream");
                assert_eq!(&answer.body[..], [0, 159, 146, 150]);
            },
        ),
        case("echo of nothing", || request("GET", "/echo", ""), 200, |answer| assert!(answer.body.is_empty())),
        case("echo, head", || request("HEAD", "/echo", ""), 200, |answer| assert!(answer.body.is_empty())),
        case(
            "echo of as much as is allowed",
            || request("POST", "/echo", pattern(BODY_LIMIT)),
            200,
            |answer| {
                assert!(answer.body == pattern(BODY_LIMIT));
            },
        ),
        case("echo of chunks", chunked_echo, 200, |answer| assert!(answer.body == pattern(300_000))),
        case("echo by delete", || request("DELETE", "/echo", "gone"), 200, |answer| assert_eq!(answer.text(), "gone")),
        case(
            "echo by patch",
            || request("PATCH", "/echo", "better"),
            200,
            |answer| assert_eq!(answer.text(), "better"),
        ),
        case("echo by options", || request("OPTIONS", "/echo", ""), 200, |answer| assert!(answer.body.is_empty())),
        case(
            "echo by an unusual method",
            || request("PURGE", "/echo", "all"),
            200,
            |answer| assert_eq!(answer.text(), "all"),
        ),
        Case {
            by_server: true,
            ..case("body over the limit", || request("POST", "/echo", pattern(BODY_LIMIT + 1)), 413, is_problem)
        },
        case(
            "headers",
            || with("x-twice", "two", with("x-twice", "one", request("GET", "/headers", ""))),
            200,
            |answer| {
                assert_eq!(answer.json()["x-twice"], json!(["one", "two"]));
                assert_eq!(answer.json().get("connection"), None);
            },
        ),
        Case {
            by_server: true,
            ..case(
                "headers, host",
                || request("GET", "/headers", ""),
                200,
                |answer| assert_eq!(answer.json()["host"], json!(["hello.test"])),
            )
        },
        case("headers in UTF-8", utf8_header, 200, |answer| assert_eq!(answer.json()["x-name"], json!(["Jürgen"]))),
        case("headers, head", || request("HEAD", "/headers", ""), 200, is_head),
        case(
            "status 200",
            || request("GET", "/status/200", ""),
            200,
            |answer| assert_eq!(answer.json(), json!({"status": 200})),
        ),
        case("status 204", || request("GET", "/status/204", ""), 204, |answer| assert!(answer.body.is_empty())),
        case("status 304", || request("GET", "/status/304", ""), 304, |answer| assert!(answer.body.is_empty())),
        case("status 404", || request("GET", "/status/404", ""), 404, is_problem),
        case("status 418", || request("GET", "/status/418", ""), 418, is_problem),
        case("status 503", || request("GET", "/status/503", ""), 503, is_problem),
        case("status 599", || request("GET", "/status/599", ""), 599, is_problem),
        case("status, percent-encoded", || request("GET", "/status/%32%30%31", ""), 201, is_json),
        case("status, head", || request("HEAD", "/status/200", ""), 200, is_head),
        case("status 199", || request("GET", "/status/199", ""), 400, is_problem),
        case("status 600", || request("GET", "/status/600", ""), 400, is_problem),
        case("status in words", || request("GET", "/status/ok", ""), 400, is_problem),
        case("status beyond numbers", || request("GET", "/status/99999999999999999999", ""), 400, is_problem),
        case("status that is no UTF-8", || request("GET", "/status/%ff", ""), 400, is_problem),
        case(
            "delay 0",
            || request("GET", "/delay/0", ""),
            200,
            |answer| assert_eq!(answer.json(), json!({"delay": 0.0})),
        ),
        case(
            "delay 0.02",
            || request("GET", "/delay/0.02", ""),
            200,
            |answer| assert_eq!(answer.json(), json!({"delay": 0.02})),
        ),
        case("delay 10.5", || request("GET", "/delay/10.5", ""), 400, is_problem),
        case("delay -1", || request("GET", "/delay/-1", ""), 400, is_problem),
        case("delay NaN", || request("GET", "/delay/NaN", ""), 400, is_problem),
        case("delay 1e1", || request("GET", "/delay/1e1", ""), 400, is_problem),
        case(
            "openapi",
            || request("GET", "/openapi.json", ""),
            200,
            |answer| {
                is_json(answer);
                assert_eq!(answer.json()["openapi"], "3.1.0");
            },
        ),
        case("openapi, head", || request("HEAD", "/openapi.json", ""), 200, is_head),
        case("unknown path", || request("GET", "/nope", ""), 404, is_problem),
        case("unknown path, head", || request("HEAD", "/nope", ""), 404, |answer| assert!(answer.body.is_empty())),
        case("unknown path in UTF-8", || request("GET", "/gr%C3%BC%C3%9Fe", ""), 404, is_problem),
        case("unknown path that is no UTF-8", || request("GET", "/%ff%00", ""), 404, is_problem),
        case("path in other case", || request("GET", "/INFO", ""), 404, is_problem),
        case("path with a slash more", || request("GET", "/info/", ""), 404, is_problem),
        case("two slashes", || request("GET", "//", ""), 404, is_problem),
        case(
            "post to the greeting",
            || request("POST", "/", "x"),
            405,
            |answer| {
                is_problem(answer);
                assert_eq!(answer.header("allow"), "GET,HEAD");
            },
        ),
        case("delete of a status", || request("DELETE", "/status/200", ""), 405, is_problem),
        case("unusual method on info", || request("BREW", "/info", ""), 405, is_problem),
    ]
}

fn is_json(answer: &Answer) {
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(answer.json().is_object());
}

/// RFC 9457
fn is_problem(answer: &Answer) {
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status.as_u16());
    assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()));
    assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
}

fn is_head(answer: &Answer) {
    assert!(answer.body.is_empty());
    assert_eq!(answer.header("content-type"), "application/json");
}

fn with<B>(name: &'static str, value: &'static str, mut request: Request<B>) -> Request<B> {
    request.headers_mut().append(name, HeaderValue::from_static(value));
    request
}

fn utf8_header() -> AnyRequest {
    let mut request = request("GET", "/headers", "");
    request.headers_mut().insert("x-name", HeaderValue::from_bytes("Jürgen".as_bytes()).expect("a header"));
    request
}

fn chunked_echo() -> AnyRequest {
    let chunks = pattern(300_000);
    let frames = (0..chunks.len()).step_by(7_001).map(move |start| {
        let end = chunks.len().min(start + 7_001);
        Ok(Frame::data(chunks.slice(start..end)))
    });
    let body = StreamBody::new(ready_stream(frames));
    request("POST", "/echo", "").map(|_| BodyExt::boxed(body))
}

/// An iterator as a stream that is always ready.
fn ready_stream<T>(mut items: impl Iterator<Item = T>) -> impl futures_util::Stream<Item = T> {
    futures_util::stream::poll_fn(move |_| std::task::Poll::Ready(items.next()))
}

/// Bytes in which a chunk lost or swapped would show.
fn pattern(length: usize) -> Bytes {
    (0..length).map(|index| u8::try_from((index / 7 + index) % 251).expect("a byte")).collect::<Vec<_>>().into()
}

/// A runtime under test, running.
struct Runtime {
    address: SocketAddr,
    protocol: Protocol,
    ours: bool,
}

fn settings(mut command: Command) -> Command {
    command.args(["--body-limit", "1MiB", "--message", MESSAGE, "--color", "teal"]);
    command
}

fn run(case: &Case, runtime: &Runtime, reference: SocketAddr) -> Result<(), Failed> {
    let ask = |address, protocol| {
        let mut request = (case.request)();
        request.headers_mut().insert("x-request-id", HeaderValue::from_static("conformance"));
        send(address, protocol, request)
    };
    let answer = ask(runtime.address, runtime.protocol);
    assert_eq!(answer.status, case.status, "{:?}", answer.body);
    (case.check)(&answer);

    let (mut comparable, mut native) = (answer.comparable(), ask(reference, Protocol::Http1).comparable());
    for (_, headers, body) in [&mut comparable, &mut native] {
        if !runtime.ours {
            // What hello-server adds is not the component's to give, other hosts choose the framing, and wasmtime 48 does not
            // hand the Host of HTTP/1 on.
            headers.remove("x-request-id");
            headers.remove("content-length");
            body.as_object_mut().map(|fields| fields.remove("host"));
        }
    }
    if comparable != native {
        let difference = format!("differs from native:\n  {comparable:?}\n  {native:?}");
        return Err(difference.chars().take(MAX_DIFFERENCE).collect::<String>().into());
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let servers = RUNTIMES.map(|(name, start)| (name, Server::start(settings(start()))));
    let others = [
        ("wasmtime serve", OtherHost::wasmtime_serve(&[("HELLO_MESSAGE", MESSAGE), ("HELLO_COLOR", "teal")])),
        ("spin up", OtherHost::spin_up(&[("message", MESSAGE), ("color", "teal")])),
    ];
    let reference = servers[0].1.address;

    let mut trials = Vec::new();
    let mut add = |name: &str, address: Option<SocketAddr>, protocol: Protocol, ours: bool| {
        for case in cases().into_iter().filter(|case| ours || !case.by_server) {
            let title = format!("{name}, {protocol:?}: {}", case.name);
            let runtime = address.map(|address| Runtime { address, protocol, ours });
            let skipped = runtime.is_none();
            let test = move || run(&case, &runtime.expect("skipped otherwise"), reference);
            trials.push(Trial::test(title, test).with_ignored_flag(skipped));
        }
    };
    for (name, server) in &servers {
        add(name, Some(server.address), Protocol::Http1, true);
        add(name, Some(server.address), Protocol::Http2, true);
    }
    for (name, other) in &others {
        if other.is_none() {
            eprintln!("skipped: {name}, which is not on PATH");
        }
        add(name, other.as_ref().map(|other| other.address), Protocol::Http1, false);
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
