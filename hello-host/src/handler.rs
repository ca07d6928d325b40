//! From a request to an instance and back: the service that `hello-server` calls.
//!
//! wasmtime's `ProxyHandler` keeps the instances, each with a task of its own; here stand its rules: how often and how long an
//! instance is used, when its time is up, and which answer a failure becomes.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use hello_server::{RequestBody, RequestBodyError, problem, shed};
use http::{
    Request, Response, StatusCode, Uri,
    header::HOST,
    uri::{Authority, Scheme},
};
use http_body_util::{BodyExt, Full};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep, timeout},
};
use wasmtime::{Result, Store, StoreContextMut, component::GuestTaskId};
use wasmtime_wasi_http::{
    Error, WasiBody, WasiHttpView,
    handler::{
        HandlerState, Instance, InstantiationError, ProxyHandler, ShouldAccept, TrapOrPanicError, WorkerExpiration,
        WorkerState, WorkerStatus,
    },
};

use crate::{
    body::{Caller, Claim, Exchanges, GuestBody},
    component::one_line,
    guest::{Guest, State},
    metrics::{Failure, METRICS},
};

/// The guest as a service. Clones share the instances.
#[derive(Clone)]
pub(crate) struct GuestHandler(ProxyHandler<Instances>);

impl GuestHandler {
    /// Tries the guest with one instance, so that a component that cannot start is found before the service is ready.
    ///
    /// # Errors
    /// One line: why the instance could not be made.
    pub(crate) async fn start(
        guest: Arc<Guest>,
        max_instances: u32,
        request_timeout: Duration,
    ) -> Result<Self, String> {
        match timeout(request_timeout, guest.instantiate()).await {
            Ok(Ok(_instance)) => {}
            Ok(Err(error)) => return Err(format!("the component cannot be instantiated: {}", one_line(&error))),
            Err(_) => return Err(format!("the component took longer than {request_timeout:?} to instantiate")),
        }
        let places = Arc::new(Semaphore::new(max_instances as usize));
        Ok(GuestHandler(ProxyHandler::new(Instances { guest, places, request_timeout })))
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
        let handler = self.0.clone();
        Box::pin(async move {
            let started = Instant::now();
            let claim = Claim::default();
            let answer = handler.handle(claim.caller(), to_guest(request)).await;
            Ok(match answer {
                Ok(answer) => answer.map(|body| GuestBody::new(body, claim)),
                // A guest that is stopped fails in many ways; the clock knows why.
                Err(_) if started.elapsed() >= handler.state().request_timeout => late().map(GuestBody::of_host),
                Err(error) => failure(&error).map(GuestBody::of_host),
            })
        })
    }
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
fn failure(error: &wasmtime::Error) -> Response<WasiBody> {
    let (status, detail) = if let Some(error) = error.downcast_ref::<InstantiationError<Arc<Caller>>>() {
        if error.error.is::<NoPlace>() {
            return to_wasi(shed("all instances are busy; try again in a moment"));
        }
        METRICS.failed(Failure::Instantiation);
        tracing::warn!(error = one_line(&error.error), "guest could not be instantiated");
        (StatusCode::INTERNAL_SERVER_ERROR, "the guest could not be started; the log has the reason")
    } else if error.is::<TrapOrPanicError>() || error.is::<wasmtime::Trap>() {
        (StatusCode::INTERNAL_SERVER_ERROR, "the guest failed; the log has the reason")
    } else {
        METRICS.failed(Failure::Error);
        tracing::warn!(error = one_line(error), "guest answered with an error");
        (StatusCode::INTERNAL_SERVER_ERROR, "the guest answered with an error; the log has the reason")
    };
    to_wasi(problem(status, detail))
}

fn late() -> Response<WasiBody> {
    to_wasi(problem(StatusCode::GATEWAY_TIMEOUT, "the guest did not answer in time"))
}

fn to_wasi(response: Response<Full<Bytes>>) -> Response<WasiBody> {
    response.map(|body| body.map_err(Error::from).boxed_unsync())
}

/// Makes instances, no more at once than there are places.
struct Instances {
    guest: Arc<Guest>,
    places: Arc<Semaphore>,
    request_timeout: Duration,
}

/// All places are taken.
#[derive(Debug)]
struct NoPlace;

impl std::fmt::Display for NoPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("all instances are busy")
    }
}

impl std::error::Error for NoPlace {}

impl HandlerState for Instances {
    type StoreData = State;
    type WorkerExpiration = Deadline;
    type WorkerState = Rules;

    async fn instantiate(&self) -> Result<Instance<State, Deadline, Rules>> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| NoPlace)?;
        let Ok(made) = timeout(self.request_timeout, self.guest.instantiate()).await else {
            METRICS.failed(Failure::Timeout);
            return Err(wasmtime::format_err!("the guest did not start in time"));
        };
        let (store, proxy) = made?;
        let expired = Arc::<AtomicBool>::default();
        let exchanges = Arc::<Exchanges>::default();
        let max_concurrent = self.guest.config.max_instance_concurrent_reuse_count as usize;
        Ok(Instance {
            store,
            proxy,
            view: WasiHttpView::http,
            expiration: Deadline {
                request_timeout: self.request_timeout,
                idle_timeout: self.guest.config.idle_instance_timeout,
                expired: expired.clone(),
                exchanges: exchanges.clone(),
                max_concurrent,
                sleep: Box::pin(sleep(Duration::ZERO)),
            },
            state: Rules {
                max_requests: self.guest.reuse_count(),
                max_concurrent,
                request_timeout: self.request_timeout,
                expired,
                exchanges,
                _place: place,
            },
        })
    }
}

/// When an instance has to go. Looked at from outside the guest, at every tick of the engine's clock, and so enforced even on one
/// that never stops running.
pub(crate) struct Deadline {
    request_timeout: Duration,
    idle_timeout: Duration,
    expired: Arc<AtomicBool>,
    exchanges: Arc<Exchanges>,
    max_concurrent: usize,
    sleep: Pin<Box<Sleep>>,
}

impl WorkerExpiration for Deadline {
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>, status: WorkerStatus, since: Instant) -> Poll<()> {
        // Of all the rules only this one is given a way to wake the worker.
        self.exchanges.wake_when_there_is_room(cx.waker(), self.max_concurrent);
        if status == WorkerStatus::Requests && self.exchanges.are_over() {
            // The server gives up at the same time as this would.
            if since.elapsed() + TIMERS_DIFFER >= self.request_timeout {
                stopped_late(&self.expired);
            }
            self.expired.store(true, Relaxed);
            return Poll::Ready(());
        }
        let allowed = match status {
            WorkerStatus::Idle => self.idle_timeout,
            // A request ran out of time, and with its answer nobody waits for what is left of it.
            WorkerStatus::PostReturn if self.expired.load(Relaxed) => return Poll::Ready(()),
            WorkerStatus::Requests | WorkerStatus::PostReturn => self.request_timeout,
        };
        // A body that gets on may take longer.
        let since = if status == WorkerStatus::PostReturn {
            self.exchanges.last_progress().map_or(since, |last| last.max(since))
        } else {
            since
        };
        let deadline = tokio::time::Instant::from_std(since + allowed);
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        let elapsed = self.sleep.as_mut().poll(cx);
        if elapsed.is_ready() && status != WorkerStatus::Idle {
            stopped_late(&self.expired);
        }
        elapsed
    }
}

/// By how much two timers of the same length may differ that were started for the same request.
const TIMERS_DIFFER: Duration = Duration::from_millis(20);

/// Counts an instance that is stopped for being late, once.
fn stopped_late(expired: &AtomicBool) {
    if !expired.swap(true, Relaxed) {
        METRICS.failed(Failure::Timeout);
        tracing::warn!("guest stopped: it did not answer, or its answer did not get on, in time");
    }
}

/// How an instance is used.
pub(crate) struct Rules {
    max_requests: usize,
    max_concurrent: usize,
    request_timeout: Duration,
    expired: Arc<AtomicBool>,
    exchanges: Arc<Exchanges>,
    _place: OwnedSemaphorePermit,
}

impl WorkerState for Rules {
    type StoreData = State;
    type RequestData = Arc<Caller>;

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= self.max_requests {
            ShouldAccept::Never
        } else if concurrent >= self.max_concurrent || !self.exchanges.has_room(self.max_concurrent) {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, State>,
        caller: Arc<Caller>,
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + 'static + Send + Sync>> {
        caller.taken_by(&self.exchanges);
        let (time, expired) = (self.request_timeout, self.expired.clone());
        Box::pin(async move {
            sleep(time).await;
            stopped_late(&expired);
        })
    }

    fn drop(&self, store: Store<State>, result: Result<()>) {
        // First, as the end of the store is the end of the bodies.
        if result.is_err() {
            self.exchanges.fail();
        }
        drop(store);
        // One that was stopped has been counted by whoever stopped it.
        if let Err(error) = result
            && !self.expired.load(Relaxed)
        {
            METRICS.failed(Failure::Trap);
            tracing::warn!(error = one_line(&error), "guest trapped");
        }
    }
}
