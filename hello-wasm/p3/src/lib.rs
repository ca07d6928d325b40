//! The WASI 0.3 component: converts a request of `wasi:http/handler` for the router, and the response back, streaming both.
//!
//! A host may pass many requests to one instance, so that the router is created once per instance. Calls of the host are expensive, and
//! are made only for values that the router needs.

#![allow(unsafe_code)] // The entry point's macro expands to it.

use std::{
    env,
    pin::{Pin, pin},
    sync::LazyLock,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{self, StatusCode, Uri, header::HOST},
};
use hello::{Platform, Sleep, router};
use hello_wasm_allocator::FreeLists;
use http_body::Frame;
use send_wrapper::SendWrapper;
use tower_service::Service;
use wasip3::{
    clocks::monotonic_clock,
    exports::http::handler::Guest,
    http::types::{ErrorCode, Fields, Request, Response},
    http_compat::{BodyWriter, IncomingRequestBody},
    wit_bindgen,
};

#[global_allocator]
static ALLOCATOR: FreeLists = FreeLists::new();

static ROUTER: LazyLock<Router> = LazyLock::new(|| router(Wasi));

struct Wasi;

impl Platform for Wasi {
    fn runtime(&self) -> &'static str {
        "wasi-0.3"
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Box::pin(SendWrapper::new(monotonic_clock::wait_for(nanos)))
    }

    fn wasi_host(&self) -> Option<String> {
        env::var("WASI_HOST").ok()
    }

    fn hostname(&self) -> Option<String> {
        env::var("HOSTNAME").ok()
    }

    fn message(&self) -> Option<String> {
        env::var("HELLO_MESSAGE").ok()
    }

    fn color(&self) -> Option<String> {
        env::var("HELLO_COLOR").ok()
    }
}

struct Hello;
wasip3::http::service::export!(Hello);

impl Guest for Hello {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let Ok(response) = ROUTER.clone().call(incoming(request)?).await;
        outgoing(response)
    }
}

/// Converts a request. WASI has the authority outside of the headers; the router expects it there.
fn incoming(request: Request) -> Result<http::Request<Body>, ErrorCode> {
    let path = request.get_path_with_query().unwrap_or_default();
    // The path of `http://host?query` is empty.
    let path = if path.starts_with('/') { path } else { format!("/{path}") };
    let uri = Uri::try_from(path).map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
    let mut incoming = http::Request::builder()
        .method(http::Method::try_from(request.get_method()).map_err(|_| ErrorCode::HttpRequestMethodInvalid)?)
        .uri(uri);
    for (name, value) in request.get_headers().copy_all() {
        incoming = incoming.header(name, value);
    }
    if let Some(authority) = request.get_authority() {
        incoming = incoming.header(HOST, authority);
    }
    let body = RequestBody { unread: Some(SendWrapper::new(request)), reading: None };
    incoming.body(Body::new(body)).map_err(|_| ErrorCode::HttpProtocolError)
}

/// Body of a request; its stream is created when it is first read.
struct RequestBody {
    unread: Option<SendWrapper<Request>>,
    reading: Option<IncomingRequestBody>,
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = ErrorCode;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
        if let Some(request) = self.unread.take() {
            self.reading = Some(IncomingRequestBody::new(request.take())?);
        }
        match &mut self.reading {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }
}

fn outgoing(response: http::Response<Body>) -> Result<Response, ErrorCode> {
    let (head, body) = response.into_parts();
    let headers: Vec<_> =
        head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect();
    let headers = Fields::from_list(&headers).map_err(|error| ErrorCode::InternalError(Some(error.to_string())))?;
    let (writer, contents, result) = BodyWriter::new();
    let (response, _sent) = Response::new(headers, Some(contents), result);
    // 200 is the default.
    if head.status != StatusCode::OK {
        _ = response.set_status_code(head.status.as_u16());
    }
    wit_bindgen::spawn(async move { _ = writer.send_http_body(&mut pin!(body)).await });
    // A second task keeps the executor from yielding to the host once more before it waits (2,200 instructions).
    wit_bindgen::spawn(async {});
    Ok(response)
}
