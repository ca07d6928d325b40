//! The WASI 0.2 component: converts a request of `wasi:http/incoming-handler` for the router, and the response back, streaming both.
//!
//! Every request gets a new instance, and so a router of its own, with only the routes that it needs.

#![allow(unsafe_code, clippy::same_length_and_capacity)] // The entry point's macro expands to such code.

use std::{env, task::Poll, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{Method, Request, StatusCode, Uri, header::HOST},
    response::Response,
};
use futures_util::{StreamExt, TryStreamExt, future::poll_fn, stream::once};
use hello::{Platform, Sleep, router_for};
use hello_wasm_allocator::FreeLists;
use send_wrapper::SendWrapper;
use spin_sdk::{
    http::{Headers, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam},
    http_component, variables,
};
use tower_service::Service;
use wasi::{clocks::monotonic_clock, io::poll::Pollable};

#[global_allocator]
static ALLOCATOR: FreeLists = FreeLists::new();

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let request = incoming(request);
    let Ok(response) = router_for(request.uri().path(), Wasi).call(request).await;
    outgoing(response, out).await;
}

struct Wasi;

/// Spin passes settings to a component as variables, and so does `hello-host`.
impl Platform for Wasi {
    fn runtime(&self) -> &'static str {
        "wasi-0.2"
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(SendWrapper::new(sleep(duration)))
    }

    fn wasi_host(&self) -> Option<String> {
        env::var("WASI_HOST").ok()
    }

    fn hostname(&self) -> Option<String> {
        env::var("HOSTNAME").ok()
    }

    fn message(&self) -> Option<String> {
        variables::get("message").ok()
    }

    fn color(&self) -> Option<String> {
        variables::get("color").ok()
    }
}

/// Converts a request. WASI has the authority outside of the headers; the router expects it there.
fn incoming(request: IncomingRequest) -> Request<Body> {
    let path = request.path_with_query().unwrap_or_default();
    // The path of `http://host?query` is empty.
    let path = if path.starts_with('/') { path } else { format!("/{path}") };
    let uri = path.parse::<Uri>().expect("the host has parsed the path");
    let mut incoming = Request::builder().method(Method::from(request.method())).uri(uri);
    for (name, value) in request.headers().entries() {
        incoming = incoming.header(name, value);
    }
    if let Some(authority) = request.authority() {
        incoming = incoming.header(HOST, authority);
    }
    // The stream is created when it is first read.
    let body = once(async { request.into_body_stream() }).flatten();
    let body = body.map_ok(Bytes::from).map_err(|error| error.to_debug_string());
    incoming.body(Body::from_stream(SendWrapper::new(body))).expect("the host has parsed the head")
}

async fn outgoing(response: Response, out: ResponseOutparam) {
    let (head, body) = response.into_parts();
    let headers: Vec<_> =
        head.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    let response = OutgoingResponse::new(Headers::from_list(&headers).expect("the handler sends allowed headers"));
    // 200 is the default.
    if head.status != StatusCode::OK {
        response.set_status_code(head.status.as_u16()).expect("a status");
    }
    let outgoing = response.body().expect("taken once");
    out.set(response);
    // The SDK's sink finishes every body. Here an incomplete one is dropped without that, so that the client notices.
    if copy(body, &outgoing).await.is_some() {
        _ = OutgoingBody::finish(outgoing, None);
    }
}

/// Limit of `blocking-write-and-flush`, in bytes.
const MAX_BLOCKING_WRITE: usize = 4096;

/// Copies chunk by chunk, as fast as the host accepts them. Returns none if the body ends early or the client leaves.
async fn copy(body: Body, outgoing: &OutgoingBody) -> Option<()> {
    let stream = outgoing.write().ok()?;
    let mut chunks = body.into_data_stream();
    while let Some(mut chunk) = chunks.try_next().await.ok()? {
        // One call of the host instead of three. It may block, because the instance has no other request.
        if chunk.len() <= MAX_BLOCKING_WRITE {
            stream.blocking_write_and_flush(&chunk).ok()?;
            continue;
        }
        while !chunk.is_empty() {
            match usize::try_from(stream.check_write().ok()?).unwrap_or(usize::MAX) {
                0 => ready(stream.subscribe()).await,
                max => stream.write(&chunk.split_to(max.min(chunk.len()))).ok()?,
            }
        }
        stream.flush().ok()?;
    }
    Some(())
}

async fn sleep(duration: Duration) {
    ready(monotonic_clock::subscribe_duration(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))).await;
}

async fn ready(pollable: Pollable) {
    let mut pollable = Some(pollable);
    poll_fn(|cx| match pollable.take() {
        Some(pollable) if !pollable.ready() => {
            spin_executor::push_waker(pollable, cx.waker().clone());
            Poll::Pending
        }
        _ => Poll::Ready(()),
    })
    .await;
}
