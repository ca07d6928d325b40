//! From a request to an instance and back: the service that `hello-server` calls.
//!
//! The guest runs in the task that brought the request, with an instance that it has to itself (`instances`), until nothing is left
//! to do for it (`run`). So a request is handed from no task to another, and when its task lets go of it, for the caller has left or
//! its time is up, the guest stops.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_channel::oneshot;
use hello_server::{RequestBody, RequestBodyError, late, may_have_content, problem, shed};
use http::{
    Method, Request, Response, StatusCode, Uri,
    header::{CONTENT_LENGTH, HOST},
    uri::{Authority, Scheme},
};
use http_body_util::BodyExt;
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::{
    guest::Guest,
    instances::Instances,
    run::{Answer, End, Failed, GuestBody, Run},
};

/// The guest as a service. Clones share the instances.
#[derive(Clone)]
pub(crate) struct GuestHandler {
    instances: Arc<Instances>,
    request_timeout: Duration,
}

impl GuestHandler {
    /// Makes the first instance, so that a component that cannot start is found before the service is ready.
    ///
    /// # Errors
    /// One line: why the instance could not be made.
    pub(crate) async fn start(guest: Guest, request_timeout: Duration) -> Result<Self, String> {
        let instances = Instances::new(guest);
        let place = instances.place().await;
        match timeout(request_timeout, instances.take(place)).await {
            Ok(Ok(first)) => instances.keep(first),
            Ok(Err(failed)) => return Err(format!("the component cannot be instantiated: {failed}")),
            Err(_) => return Err(format!("the component took longer than {request_timeout:?} to instantiate")),
        }
        Ok(GuestHandler { instances, request_timeout })
    }

    /// Waits until no guest works any more, as some do after their answer.
    pub(crate) fn finished(&self) -> impl Future<Output = ()> + use<> {
        let instances = self.instances.clone();
        async move { instances.all_places().await }
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
        let GuestHandler { instances, request_timeout } = self.clone();
        let is_head = request.method() == Method::HEAD;
        let deadline = request.body().deadline();
        let request = to_guest(request);
        Box::pin(async move {
            let place = instances.place().await;
            let response = async {
                let lent = instances.take(place).await?;
                let (sender, response) = oneshot::channel();
                let run = Run::start(instances.clone(), lent, request, sender);
                begun(run, response, is_head, request_timeout).await
            };
            Ok(until(deadline, response).await.unwrap_or_else(|failed| failure(&failed)))
        })
    }
}

/// Returns the guest's response, or [`Failed::Late`] after the deadline. There is no timer here: the server's has the same deadline, and
/// polls this future once more before it ends the request.
async fn until<T>(deadline: Instant, response: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    let mut response = pin!(response);
    poll_fn(|cx| match response.as_mut().poll(cx) {
        Poll::Pending if Instant::now() >= deadline => Poll::Ready(Err(Failed::Late)),
        poll => poll,
    })
    .await
}

/// Runs the guest until its answer has begun.
async fn begun(
    run: Run,
    mut answered: oneshot::Receiver<Answer>,
    is_head: bool,
    request_timeout: Duration,
) -> Result<Response<GuestBody>, Failed> {
    let mut run = Some(run);
    let mut exited = None;
    poll_fn(|cx| {
        if let Some(Poll::Ready(end)) = run.as_mut().map(|run| run.poll(cx)) {
            run = None;
            if let End::Exited(instance) = end? {
                exited = Some(instance);
            }
        }
        let answer = match answered.try_recv() {
            Ok(Some(answer)) => answer.map_err(Failed::Error)?,
            Ok(None) if run.is_some() => return Poll::Pending,
            _ => return Poll::Ready(Err(Failed::Trap(wasmtime::format_err!("the guest ended without an answer")))),
        };
        let length = content_length(&answer, is_head);
        let mut answer =
            answer.map(|body| GuestBody::new(body, length, request_timeout).driving(run.take()).exited(exited.take()));
        answer.body_mut().read_ahead(cx);
        Poll::Ready(Ok(answer))
    })
    .await
}

/// How many bytes of content HTTP will ask for, where that is known.
fn content_length<B>(answer: &Response<B>, is_head: bool) -> Option<u64> {
    if !may_have_content(is_head, answer.status()) {
        return Some(0);
    }
    answer.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// WASI has the authority beside the headers. wasmtime takes it for WASI 0.3 from the URI alone, where HTTP/1 does not have it.
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

/// What the caller gets when the guest fails.
fn failure(failed: &Failed) -> Response<GuestBody> {
    failed.report();
    let internal = |detail| problem(StatusCode::INTERNAL_SERVER_ERROR, detail);
    let response = match failed {
        Failed::Late => late(),
        Failed::NoRoom(_) => shed("the guests have all the memory that they may have; try again in a moment"),
        Failed::Start(_) => internal("the guest could not be started; the log has the reason"),
        Failed::Trap(_) => internal("the guest failed; the log has the reason"),
        Failed::Error(_) => internal("the guest answered with an error; the log has the reason"),
    };
    response.map(|body| GuestBody::new(body.map_err(Error::from).boxed_unsync(), None, Duration::MAX))
}
