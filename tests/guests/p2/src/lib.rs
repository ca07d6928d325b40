//! A WASI 0.2 component with every sin that the host must contain.

#![allow(unsafe_code, clippy::same_length_and_capacity)] // The entry point's macro expands to such code.

use futures_util::SinkExt;
use spin_sdk::{
    http::{Headers, IncomingRequest, OutgoingResponse, Request, Response, ResponseOutparam},
    http_component,
};
use wasi::{cli::stdout, clocks::monotonic_clock};

include!("../../sins.rs");

const HOUR: u64 = 3_600_000_000_000;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let path = request.path_with_query().unwrap_or_default();
    let body = match path.as_str() {
        "/never" => {
            monotonic_clock::subscribe_duration(HOUR).block();
            String::new()
        }
        "/flood" => {
            // The standard library would do it in small pieces.
            _ = stdout::get_stdout().write(&b"a\n".repeat(1 << 20));
            "ok".to_owned()
        }
        _ => match path.strip_prefix("/fetch?") {
            Some(url) => match spin_sdk::http::send::<_, Response>(Request::get(url).build()).await {
                Ok(answer) => format!("fetched {}", answer.status()),
                Err(error) => format!("refused: {error:?}"),
            },
            None => sin(&path),
        },
    };
    let (path, query) = path.split_once('?').unwrap_or((&path, ""));
    let body = match path {
        "/target" => format!("{:?} {:?} {query}", request.scheme(), request.authority()),
        _ => body,
    };
    let response = OutgoingResponse::new(headers(path, query));
    if path == "/status" {
        response.set_status_code(query.parse().expect("a number")).expect("the host takes it");
    }
    let mut sink = response.take_body();
    out.set(response);
    _ = sink.send(body.into_bytes()).await;
    if path == "/break" {
        // While it waits, the first half goes out.
        monotonic_clock::subscribe_duration(1).block();
        panic!("as requested, in the middle of the body");
    }
    if path == "/exit" {
        if query == "whole" {
            drop(sink);
        }
        std::process::exit(0);
    }
    if path == "/later" {
        drop(sink);
        monotonic_clock::subscribe_duration(HOUR / 3600).block();
        println!("done later");
        return;
    }
    while path == "/forever" && sink.send(vec![b'x'; 1024]).await.is_ok() {}
}

/// Headers that no answer should have.
fn headers(path: &str, query: &str) -> Headers {
    let headers = Headers::new();
    let append = |name: &str, value: &[u8]| {
        headers.append(name, value).expect("the host takes it");
    };
    match path {
        "/many-headers" => (0..1_000_000).for_each(|index| append(&format!("x-{index}"), b"y")),
        "/forged-header" => append("x", FORGED),
        "/later" if query == "length" => append("content-length", b"2"),
        "/too-short" => append("content-length", b"1000"),
        "/too-long" => append("content-length", b"1"),
        _ => {}
    }
    headers
}
