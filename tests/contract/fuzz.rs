//! Random requests, to which each runtime must return the same response. `PROPTEST_CASES` sets their number; requests that have failed
//! before are in `proptest-regressions/` and are sent first.

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
use tests::{BoxRequest, Protocol, RUNTIMES, request, send, start};

/// Header fields that control the framing. Invalid ones are part of the hostile input.
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
struct RandomRequest {
    protocol: Protocol,
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl RandomRequest {
    fn request(&self) -> BoxRequest {
        let mut request = request(&self.method, &self.target, Bytes::copy_from_slice(&self.body));
        request.headers_mut().insert("x-request-id", HeaderValue::from_static("fuzz"));
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("the name is valid");
            request.headers_mut().append(name, HeaderValue::from_bytes(value).expect("the value is valid"));
        }
        request
    }
}

fn random_request() -> impl Strategy<Value = RandomRequest> {
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
        .prop_filter("is not a target", |target| target.parse::<Uri>().is_ok() && !target.contains('#'));
    let name = prop_oneof![
        select(&["accept", "accept-encoding", "content-type", "cookie", "range", "traceparent"][..])
            .prop_map(str::to_owned),
        "[a-z0-9!#$%&'*+.^_`|~-]{1,20}",
    ];
    let name = name.prop_filter("controls the framing", |name| !FRAMING.contains(&name.as_str()));
    let value = vec(prop_oneof![b' '..=b'~', Just(b'\t'), 0x80..=0xff_u8], 0..40);
    (protocol, method, target, vec((name, value), 0..6), vec(any::<u8>(), 0..3000))
        .prop_map(|(protocol, method, target, headers, body)| RandomRequest { protocol, method, target, headers, body })
}

#[test]
fn random_request_gets_the_same_response_from_each_runtime() {
    let servers = RUNTIMES.map(|(_, command)| start(command(), &["--request-timeout", "1s", "--access-log", "1"]));
    let regressions = FileFailurePersistence::Direct("proptest-regressions/fuzz.txt");
    let mut runner = TestRunner::new(Config { failure_persistence: Some(Box::new(regressions)), ..Config::default() });
    let outcome = runner.run(&random_request(), |random| {
        let responses =
            servers.iter().map(|server| send(server.address, random.protocol, random.request()).comparable());
        let responses: Vec<_> = responses.collect();
        prop_assert_ne!(responses[0].0, 500);
        prop_assert_eq!(&responses[1], &responses[0]);
        prop_assert_eq!(&responses[2], &responses[0]);
        Ok(())
    });
    if let Err(reason) = outcome {
        panic!("{reason}");
    }
    for server in &servers {
        server.assert_recovered();
    }
}
