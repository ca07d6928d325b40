//! Requests that nobody thought of, made by chance, and answered alike by every runtime. What once was not is tried first
//! (`proptest-regressions/`); `PROPTEST_CASES` says how many are made.

use bytes::Bytes;
use hyper::{
    Uri,
    header::{HeaderName, HeaderValue},
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{Config, FileFailurePersistence, TestRunner},
};
use tests::{AnyRequest, Protocol, request, send, servers};

/// Headers that say how a message is sent: what becomes of wrong ones is among the hostile input.
const FRAMING: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

#[derive(Debug)]
struct Asked {
    protocol: Protocol,
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Asked {
    fn request(&self) -> AnyRequest {
        let mut asked = request(&self.method, &self.target, Bytes::copy_from_slice(&self.body));
        asked.headers_mut().insert("x-request-id", HeaderValue::from_static("fuzz"));
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            asked.headers_mut().append(name, HeaderValue::from_bytes(value).expect("a value"));
        }
        asked
    }
}

fn asked() -> impl Strategy<Value = Asked> {
    let protocol = select(&[Protocol::Http1, Protocol::Http2][..]);
    let method = prop_oneof![select(&["GET", "HEAD", "POST"][..]).prop_map(str::to_owned), "[A-Z]{1,9}"]
        .prop_filter("is for proxies", |method| method != "CONNECT");
    let path = prop_oneof![
        select(&["/", "/info", "/healthz", "/echo", "/headers", "/openapi.json"][..]).prop_map(str::to_owned),
        "/(status|delay)/[!-~]{0,6}",
        "/[!-~]{0,30}",
    ];
    let target = (path, "([?][!-~]{0,20})?")
        .prop_map(|(path, query)| path + &query)
        .prop_filter("is no target", |target| target.parse::<Uri>().is_ok() && !target.contains('#'));
    let name = prop_oneof![
        select(&["accept", "accept-encoding", "content-type", "cookie", "range", "traceparent"][..])
            .prop_map(str::to_owned),
        "[a-z0-9!#$%&'*+.^_`|~-]{1,20}",
    ];
    let name = name.prop_filter("says how a message is sent", |name| !FRAMING.contains(&name.as_str()));
    let value = vec(prop_oneof![b' '..=b'~', Just(b'\t'), 0x80..=0xff_u8], 0..40);
    (protocol, method, target, vec((name, value), 0..6), vec(any::<u8>(), 0..3000))
        .prop_map(|(protocol, method, target, headers, body)| Asked { protocol, method, target, headers, body })
}

#[test]
fn runtimes_answer_alike() {
    let servers: Vec<_> = servers(&["--request-timeout", "1s", "--access-log", "1"]).collect();
    let kept = FileFailurePersistence::Direct("proptest-regressions/fuzz.txt");
    let mut runner = TestRunner::new(Config { failure_persistence: Some(Box::new(kept)), ..Config::default() });
    let outcome = runner.run(&asked(), |asked| {
        let answers = servers.iter().map(|server| send(server.address, asked.protocol, asked.request()).comparable());
        let answers: Vec<_> = answers.collect();
        prop_assert_ne!(answers[0].0, 500);
        prop_assert_eq!(&answers[1], &answers[0]);
        prop_assert_eq!(&answers[2], &answers[0]);
        Ok(())
    });
    if let Err(reason) = outcome {
        panic!("{reason}");
    }
    for server in &servers {
        server.settle();
    }
}
