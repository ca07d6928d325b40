//! The guest as the handler of `hello-server`: passes each request to an instance, and the instance's response back.
//!
//! The guest runs in the task of its request, which no other task takes part in. When that task drops the request, because the client has
//! left or the request timed out, the guest stops.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_channel::oneshot;
use hello_server::{RequestBody, RequestBodyError, load_shedding, may_have_content, problem, timed_out};
use http::{
    Method, Request, Response, StatusCode, Uri,
    header::{CONTENT_LENGTH, HOST},
    uri::{Authority, Scheme},
};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::{
    failure::GuestError,
    guest::{Guest, GuestBody, GuestCall, HandlerResult, InstancePool, without_guest},
};

/// The guest as a service. Clones share the pool.
#[derive(Clone)]
pub(crate) struct GuestHandler {
    pool: Arc<InstancePool>,
    request_timeout: Duration,
}

impl GuestHandler {
    pub(crate) fn new(pool: Arc<InstancePool>, request_timeout: Duration) -> Self {
        GuestHandler { pool, request_timeout }
    }
}

impl tower_service::Service<Request<RequestBody>> for GuestHandler {
    type Response = Response<GuestBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<GuestBody>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let GuestHandler { pool, request_timeout } = self.clone();
        let is_head = request.method() == Method::HEAD;
        let deadline = request.body().deadline();
        let request = to_guest(request);
        Box::pin(async move {
            let permit = pool.permit().await;
            let response = async {
                let instance = pool.acquire(permit).await?;
                let (sender, receiver) = oneshot::channel();
                let call = GuestCall::new(pool.clone(), instance, request, sender);
                until_response(call, receiver, is_head, request_timeout).await
            };
            Ok(with_deadline(deadline, response).await.unwrap_or_else(|error| failure_response(&error)))
        })
    }
}

/// Returns the guest's response, or [`GuestError::Timeout`] after the deadline. There is no timer here: the server has one for the same
/// deadline, and polls this future once more before it ends the request.
async fn with_deadline<T>(
    deadline: Instant,
    response: impl Future<Output = Result<T, GuestError>>,
) -> Result<T, GuestError> {
    let mut response = pin!(response);
    poll_fn(|cx| match response.as_mut().poll(cx) {
        Poll::Pending if Instant::now() >= deadline => Poll::Ready(Err(GuestError::Timeout)),
        poll => poll,
    })
    .await
}

/// Runs the guest until its response starts.
async fn until_response(
    call: GuestCall,
    mut receiver: oneshot::Receiver<HandlerResult>,
    is_head: bool,
    request_timeout: Duration,
) -> Result<Response<GuestBody>, GuestError> {
    let mut guest = Guest::Running(call);
    poll_fn(|cx| {
        if let Guest::Running(call) = &mut guest
            && let Poll::Ready(result) = call.poll(cx)
        {
            guest = result?.into();
        }
        let response = match receiver.try_recv() {
            Ok(Some(result)) => result.map_err(GuestError::ErrorResponse)?,
            Ok(None) if matches!(guest, Guest::Running(_)) => return Poll::Pending,
            _ => {
                return Poll::Ready(Err(GuestError::Trap(wasmtime::format_err!("the guest ended without a response"))));
            }
        };
        let length = content_length(&response, is_head);
        let guest = std::mem::replace(&mut guest, Guest::Finished);
        Poll::Ready(Ok(response.map(|body| GuestBody::new(body, guest, length, request_timeout).start(cx))))
    })
    .await
}

/// Returns the number of bytes of content that HTTP will read, if that is known.
fn content_length<B>(response: &Response<B>, is_head: bool) -> Option<u64> {
    if !may_have_content(is_head, response.status()) {
        return Some(0);
    }
    response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Converts a request to WASI's form. WASI has the authority outside of the headers, and wasmtime reads it from the URI, where HTTP/1 does
/// not have it.
fn to_guest(mut request: Request<RequestBody>) -> Request<WasiBody> {
    if request.uri().authority().is_none() {
        let host = request.headers().get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
        let mut uri = request.uri().clone().into_parts();
        uri.scheme = Some(Scheme::HTTP);
        uri.authority = Some(host.unwrap_or(Authority::from_static("localhost")));
        if let Ok(uri) = Uri::from_parts(uri) {
            *request.uri_mut() = uri;
        }
    }
    request.map(|body| {
        body.map_err(|error| match error {
            RequestBodyError::OverLimit => Error::HttpRequestBodySize(None),
            RequestBodyError::Connection(error) => Error::Hyper(error),
        })
        .boxed_unsync()
    })
}

/// Reports the failure of a guest, and returns the response that the client gets.
fn failure_response(error: &GuestError) -> Response<GuestBody> {
    error.report();
    let internal = |detail| problem(StatusCode::INTERNAL_SERVER_ERROR, detail);
    without_guest(match error {
        GuestError::Timeout => timed_out(),
        GuestError::OutOfMemory(_) => load_shedding("the memory limit for guests is reached; try again in a moment"),
        GuestError::Instantiate(_) => internal("the guest could not be started; see the server's log"),
        GuestError::Trap(_) => internal("the guest failed; see the server's log"),
        GuestError::ErrorResponse(_) => internal("the guest returned an error; see the server's log"),
    })
}
