//! A guest at work on one request: from the moment that it gets an instance until nothing is left to do for it, which may be after
//! the end of its answer.

use std::{
    fmt,
    future::poll_fn,
    mem,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_channel::oneshot;
use futures_util::task::AtomicWaker;
use hello_server::{ChildSpan, TRACEPARENT};
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty};
use tokio::time::{Sleep, sleep, timeout};
use wasmtime::{AsContextMut, PoolConcurrencyLimitError, Store};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi_http::{
    Error, WasiBody, WasiHttpView,
    handler::{Prepared, Proxy},
    p2::{self, bindings::http::types::Scheme},
};

use crate::{
    component::one_line,
    guest::State,
    instances::{Instances, Lent},
    metrics::{Failure, METRICS},
};

/// Why a guest did not answer, or did not finish.
pub(crate) enum Failed {
    /// An instance could not be made, as all that there are have the memory.
    NoRoom(wasmtime::Error),
    /// An instance could not be made.
    Start(wasmtime::Error),
    /// The guest trapped: a panic, too much memory or stack, an unreachable.
    Trap(wasmtime::Error),
    /// The guest answered with an error instead of a response.
    Error(wasmtime::Error),
    /// The guest has not responded, or its response has stalled, in time.
    Late,
}

impl Failed {
    /// A guest that has ended with this error. Where an instance needed more of the pool than there is for each, the pool is full.
    fn ended_with(error: wasmtime::Error) -> Self {
        if error.is::<PoolConcurrencyLimitError>() { Failed::NoRoom(error) } else { Failed::Trap(error) }
    }

    /// Counts and logs it.
    pub(crate) fn report(&self) {
        let (failure, message) = match self {
            Failed::NoRoom(_) | Failed::Start(_) => (Failure::Instantiation, "guest could not be instantiated"),
            Failed::Trap(_) => (Failure::Trap, "guest trapped"),
            Failed::Error(_) => (Failure::Error, "guest answered with an error"),
            Failed::Late => (Failure::Timeout, "guest stopped"),
        };
        METRICS.failed(failure);
        tracing::warn!(error = %self, "{message}");
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failed::NoRoom(error) | Failed::Start(error) | Failed::Trap(error) | Failed::Error(error) => {
                f.write_str(&one_line(error))
            }
            Failed::Late => f.write_str("the response did not begin, or made no progress, within the request time-out"),
        }
    }
}

/// Counts and logs a guest that is stopped while it works on after its answer.
fn stopped_background_work() {
    METRICS.failed(Failure::BackgroundTimeout);
    tracing::warn!("guest stopped: its work after the response took longer than the time of a request");
}

/// What a guest answers, or why it does not.
pub(crate) type Answer = Result<Response<WasiBody>, wasmtime::Error>;

/// The work. Whoever wants the answer drives it; dropping it stops the guest, and is the end of its instance.
pub(crate) struct Run {
    work: Pin<Box<dyn Future<Output = Result<End, Failed>> + Send>>,
    yielding: Arc<Yielding>,
    waker: Waker,
}

/// How a guest's work has ended.
pub(crate) enum End {
    /// It has returned, and its instance can go on with another request.
    Returned,
    /// It has exited with code 0. Its instance is of no more use, but as long as it is there the body of its response tells whether it
    /// was finished: wasmtime takes one that was dropped for finished.
    Exited(Lent),
}

/// How long a guest that yields, and could go on at once, does go on. Most do so once or twice a request; the way through the
/// scheduler and back, each time, would cost as much as the HTTP around it.
const TURN: Duration = Duration::from_micros(500);

/// Whether the work could go on, from the moment that it is driven.
#[derive(Default)]
struct Yielding {
    is_driven: AtomicBool,
    can_go_on: AtomicBool,
    driver: AtomicWaker,
}

impl Wake for Yielding {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.can_go_on.store(true, SeqCst);
        if !self.is_driven.load(SeqCst) {
            self.driver.wake();
        }
    }
}

impl Run {
    pub(crate) fn start(
        instances: Arc<Instances>,
        mut lent: Lent,
        mut request: Request<WasiBody>,
        answer: oneshot::Sender<Answer>,
    ) -> Self {
        let span = ChildSpan::begin("guest", &mut request);
        lent.parts().0.data_mut().begin_request(request.headers().get(TRACEPARENT).cloned());
        let work = Box::pin(async move {
            let (store, proxy) = lent.parts();
            let called = match proxy {
                Proxy::P2(guest) => call_p2(store, guest, request, answer).await,
                Proxy::P3(_) => call_p3(store, proxy, request, answer).await,
            };
            let has_exited = called.as_ref().is_err_and(|error| matches!(error.downcast_ref(), Some(I32Exit(0))));
            let outcome = if has_exited { Ok(()) } else { called.map_err(Failed::ended_with) };
            span.end(outcome.as_ref());
            outcome?;
            if has_exited {
                return Ok(End::Exited(lent));
            }
            instances.put_back(lent);
            Ok(End::Returned)
        });
        let yielding = Arc::<Yielding>::default();
        let waker = Waker::from(yielding.clone());
        Run { work, yielding, waker }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<End, Failed>> {
        let Run { work, yielding, waker } = self;
        let mut yielded = None;
        yielding.driver.register(cx.waker());
        loop {
            yielding.is_driven.store(true, SeqCst);
            yielding.can_go_on.store(false, SeqCst);
            if let Poll::Ready(end) = work.as_mut().poll(&mut Context::from_waker(waker)) {
                return Poll::Ready(end);
            }
            // In this order: whoever wakes it from now on wakes the driver.
            yielding.is_driven.store(false, SeqCst);
            if !yielding.can_go_on.load(SeqCst) {
                return Poll::Pending;
            }
            if yielded.get_or_insert_with(Instant::now).elapsed() > TURN {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    /// Gives the guest the time of a request for its work after the response, and reads what is left of the body, for which it may wait.
    fn finish(mut self, mut body: WasiBody, request_timeout: Duration) {
        // Most guests only have to return. A task for that would cost as much as the HTTP, and keep the instance from the next request.
        if let Poll::Ready(end) = self.poll(&mut Context::from_waker(Waker::noop())) {
            return report(end);
        }
        tokio::spawn(async move {
            let mut is_open = true;
            let work = poll_fn(|cx| {
                while is_open && let Poll::Ready(frame) = Pin::new(&mut body).poll_frame(cx) {
                    is_open = matches!(frame, Some(Ok(_)));
                }
                self.work.as_mut().poll(cx)
            });
            match timeout(request_timeout, work).await {
                Ok(end) => report(end),
                Err(_) => stopped_background_work(),
            }
        });
    }
}

/// Calls a guest of WASI 0.2, which sends its answer on the way.
async fn call_p2(
    store: &mut Store<State>,
    guest: &p2::bindings::Proxy,
    request: Request<WasiBody>,
    answer: oneshot::Sender<Answer>,
) -> wasmtime::Result<()> {
    let mut http = store.data_mut().http();
    let scheme = match request.uri().scheme_str() {
        None | Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        Some(other) => Scheme::Other(other.to_owned()),
    };
    let request = http.new_incoming_request(scheme, request)?;
    let out = http.new_response_outparam_from_callback(|sent| _ = answer.send(sent.map_err(Into::into)))?;
    guest.wasi_http_incoming_handler().call_handle(store, request, out).await
}

/// Calls a guest of WASI 0.3, which gives its answer back, and has its tasks run to their end.
async fn call_p3(
    store: &mut Store<State>,
    proxy: &Proxy,
    request: Request<WasiBody>,
    answer: oneshot::Sender<Answer>,
) -> wasmtime::Result<()> {
    let run = store.run_concurrent(async |accessor| {
        let prepared = accessor
            .with(|mut store| Prepared::new(store.as_context_mut(), proxy, request, WasiHttpView::http, answer))?;
        // Whoever drives this watches the clock.
        prepared.run(accessor, std::future::pending()).await?;
        poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
        Ok(())
    });
    run.await.flatten()
}

fn report(end: Result<End, Failed>) {
    if let Err(failed) = end {
        failed.report();
    }
}

/// The body of an answer, which drives the guest that still writes it. wasmtime ends the body of a guest that trapped as if it were
/// complete; this ends in an error, which cuts the connection.
pub(crate) struct GuestBody {
    body: WasiBody,
    /// What was read of it before anybody asked.
    ahead: Option<Result<Frame<Bytes>, Error>>,
    /// None where the guest has finished.
    run: Option<Run>,
    /// The instance of a guest that has exited.
    exited: Option<Lent>,
    request_timeout: Duration,
    /// Set while the guest keeps the client waiting.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Bytes that are still to come until the response is whole, where that is known. HTTP asks for no more then.
    missing: Option<u64>,
    /// Whether the end was read.
    has_ended: bool,
}

impl GuestBody {
    /// `length`: how many bytes HTTP will ask for, where that is known.
    pub(crate) fn new(body: WasiBody, length: Option<u64>, request_timeout: Duration) -> Self {
        GuestBody {
            body,
            ahead: None,
            run: None,
            exited: None,
            request_timeout,
            deadline: None,
            missing: length,
            has_ended: false,
        }
    }

    /// The guest is still at work.
    pub(crate) fn driving(mut self, run: Option<Run>) -> Self {
        self.run = run;
        self
    }

    /// The guest has exited with code 0; whether the body is whole is seen when it is read.
    pub(crate) fn exited(mut self, instance: Option<Lent>) -> Self {
        self.exited = instance;
        self
    }

    /// Takes from the guest what it has ready. Most often that is everything, and its instance is free for the next request before
    /// this answer is written.
    pub(crate) fn read_ahead(&mut self, cx: &mut Context<'_>) {
        if self.run.is_none() {
            return;
        }
        if let Poll::Ready(read) = Pin::new(&mut self.body).poll_frame(cx) {
            let is_all = read.is_none() || has_ended(&self.body);
            self.ahead = read;
            if is_all {
                self.finish();
            }
        }
    }

    /// Lets the guest go on with what it does after the response.
    fn finish(&mut self) {
        if let Some(run) = self.run.take() {
            let body = mem::replace(&mut self.body, Empty::new().map_err(|never| match never {}).boxed_unsync());
            run.finish(body, self.request_timeout);
        }
    }

    /// Notes what HTTP is given.
    fn note(&mut self, frame: Option<&Result<Frame<Bytes>, Error>>) {
        match frame {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                self.missing = self.missing.map(|missing| missing.saturating_sub(length));
            }
            Some(Err(_)) => {}
            None => self.has_ended = true,
        }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(read) = self.ahead.take() {
            return Poll::Ready(Some(read));
        }
        match self.run.as_mut().map(|run| run.poll(cx)) {
            Some(Poll::Ready(end)) => {
                self.run = None;
                match end {
                    Ok(End::Returned) => {}
                    Ok(End::Exited(instance)) => self.exited = Some(instance),
                    Err(failed) => {
                        failed.report();
                        return Poll::Ready(Some(Err(Error::HttpResponseIncomplete)));
                    }
                }
            }
            Some(Poll::Pending) | None => {}
        }
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if frame.is_pending() && self.exited.is_some() {
            tracing::warn!("guest exited before its response was whole");
            return Poll::Ready(Some(Err(Error::HttpResponseIncomplete)));
        }
        if frame.is_ready() || self.run.is_none() {
            self.deadline = None;
            return frame;
        }
        let request_timeout = self.request_timeout;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(request_timeout)));
        ready!(deadline.as_mut().poll(cx));
        self.run = None;
        Failed::Late.report();
        Poll::Ready(Some(Err(Error::HttpResponseTimeout)))
    }
}

fn has_ended(body: &WasiBody) -> bool {
    body.is_end_stream() || body.size_hint().exact() == Some(0)
}

impl Body for GuestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(self.poll_body(cx));
        self.note(frame.as_ref());
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        if let Some(Ok(frame)) = &self.ahead {
            let length = frame.data_ref().map_or(0, Bytes::len) as u64;
            if let Some(upper) = hint.upper() {
                hint.set_upper(upper + length);
            }
            hint.set_lower(hint.lower() + length);
        }
        hint
    }
}

impl Drop for GuestBody {
    fn drop(&mut self) {
        let is_whole = self.has_ended || self.missing == Some(0) || (self.ahead.is_none() && has_ended(&self.body));
        // Else the client has left, and nobody waits for the rest: the guest is stopped.
        if is_whole {
            self.finish();
        }
    }
}
