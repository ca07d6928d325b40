//! From a request to an instance and back: the service that `hello-server` calls.
//!
//! The guest runs in the task that brought the request, with an instance that it has to itself (`instances`), until nothing is left
//! to do for it (`run`). So a request is handed from no task to another, and when its task lets go of it, for the caller has left or
//! its time is up, the guest stops.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_channel::oneshot;
use hello_server::{RequestBody, RequestBodyError, problem};
use http::{
    Request, Response, StatusCode, Uri,
    header::HOST,
    uri::{Authority, Scheme},
};
use http_body_util::BodyExt;
use tokio::{
    sync::Semaphore,
    task::yield_now,
    time::{Instant, timeout},
};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::{
    guest::Guest,
    instances::{Instances, Place},
    run::{Failed, GuestBody, Run, stopped_late},
};

/// The guest as a service. Clones share the instances.
#[derive(Clone)]
pub(crate) struct GuestHandler {
    instances: Arc<Instances>,
    /// Answers that may wait for their turn to be written.
    turns: Arc<Semaphore>,
    request_timeout: Duration,
}

/// Which part of the requests in flight may be answers that only wait for their turn: the others would be refused.
const WAITING_PART: u32 = 8;

impl GuestHandler {
    /// Makes the first instance, so that a component that cannot start is found before the service is ready.
    ///
    /// # Errors
    /// One line: why the instance could not be made.
    pub(crate) async fn start(guest: Guest, max_in_flight: u32, request_timeout: Duration) -> Result<Self, String> {
        let instances = Instances::new(guest);
        let place = instances.place().await;
        match timeout(request_timeout, instances.take(place)).await {
            Ok(Ok(first)) => instances.keep(first),
            Ok(Err(failed)) => return Err(format!("the component cannot be instantiated: {failed}")),
            Err(_) => return Err(format!("the component took longer than {request_timeout:?} to instantiate")),
        }
        let turns = Arc::new(Semaphore::new((max_in_flight / WAITING_PART) as usize));
        Ok(GuestHandler { instances, turns, request_timeout })
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
        let GuestHandler { instances, turns, request_timeout } = self.clone();
        Box::pin(async move {
            let started = Instant::now();
            let place = instances.place().await;
            let unanswered = Unanswered { started, request_timeout };
            let answer = answer(instances, place, to_guest(request), request_timeout).await;
            std::mem::forget(unanswered);
            if answer.is_ok()
                && let Ok(_turn) = turns.try_acquire()
            {
                // First guests that are ready on this thread run, then their answers are written: the code of either fills the
                // caches of a processor. A tenth of its time a request.
                yield_now().await;
            }
            Ok(answer.unwrap_or_else(|failed| failure(&failed)))
        })
    }
}

/// Runs the guest until its answer has begun.
async fn answer(
    instances: Arc<Instances>,
    place: Place,
    request: Request<WasiBody>,
    request_timeout: Duration,
) -> Result<Response<GuestBody>, Failed> {
    let (answer, mut answered) = oneshot::channel();
    let mut run = Some(Run::start(instances, place, request, answer));
    let answer = poll_fn(|cx| {
        if let Some(Poll::Ready(end)) = run.as_mut().map(|run| run.poll(cx)) {
            run = None;
            end?;
        }
        match answered.try_recv() {
            Ok(Some(answer)) => Poll::Ready(answer.map_err(Failed::Error)),
            Ok(None) if run.is_some() => Poll::Pending,
            _ => Poll::Ready(Err(Failed::Trap(wasmtime::format_err!("the guest ended without an answer")))),
        }
    });
    let mut answer = answer.await?.map(|body| GuestBody::new(body, run, request_timeout));
    poll_fn(|cx| Poll::Ready(answer.body_mut().read_ahead(cx))).await;
    Ok(answer)
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
        Failed::Start(_) => internal("the guest could not be started; the log has the reason"),
        Failed::Trap(_) => internal("the guest failed; the log has the reason"),
        Failed::Error(_) => internal("the guest answered with an error; the log has the reason"),
    };
    response.map(|body| GuestBody::new(body.map_err(Error::from).boxed_unsync(), None, Duration::MAX))
}

/// A request that the guest has not answered. It is dropped where its task lets go of it, and the clock knows whether that is for the time.
struct Unanswered {
    started: Instant,
    request_timeout: Duration,
}

/// By how much two timers of the same length may differ that were started for the same request: the server's, and this.
const TIMERS_DIFFER: Duration = Duration::from_millis(20);

impl Drop for Unanswered {
    fn drop(&mut self) {
        if self.started.elapsed() + TIMERS_DIFFER >= self.request_timeout {
            stopped_late();
        }
    }
}
