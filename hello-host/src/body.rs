//! The body of a guest's answer on its way to the caller. It ties the caller and the instance together until it has ended: an
//! instance gets its next request only then, and a body that the guest could not finish does not look whole.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker, ready},
    time::Instant,
};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

/// The requests that an instance has taken and not yet answered to the last byte.
///
/// wasmtime counts a request as done when its answer begins. The next one could then trap, or loop, while the guest still has
/// the end of the first body to write.
#[derive(Default)]
pub(crate) struct Exchanges {
    open: AtomicUsize,
    failed: AtomicBool,
    /// Whether a request was turned away because of these, so that the worker has to hear when one ends.
    awaited: AtomicBool,
    worker: AtomicWaker,
    /// When a piece of a body was last handed on.
    progress: Mutex<Option<Instant>>,
}

impl Exchanges {
    /// Whether the instance may take one more; if not, the worker is woken when it may.
    pub(crate) fn has_room(&self, max_open: usize) -> bool {
        let has_room = self.open.load(SeqCst) < max_open;
        self.awaited.store(!has_room, SeqCst);
        has_room
    }

    /// Whether every caller has gone. wasmtime does not notice, and would let the guest go on.
    pub(crate) fn are_over(&self) -> bool {
        self.open.load(SeqCst) == 0
    }

    /// Has the worker woken when there is room again, or now, where that has come to be in the meantime.
    pub(crate) fn wake_when_there_is_room(&self, worker: &Waker, max_open: usize) {
        self.worker.register(worker);
        if self.awaited.load(SeqCst) && self.open.load(SeqCst) < max_open {
            self.awaited.store(false, SeqCst);
            worker.wake_by_ref();
        }
    }

    fn progress(&self) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// When a piece of a body was last handed on, if ever.
    pub(crate) fn last_progress(&self) -> Option<Instant> {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks all bodies that are still open as broken. To be called before the instance is dropped, as that ends them.
    pub(crate) fn fail(&self) {
        self.failed.store(true, SeqCst);
    }
}

/// A request's claim on the instance that takes it, from that moment to the end of its answer. It is dropped early where the caller
/// leaves.
#[derive(Default)]
pub(crate) struct Claim {
    caller: Arc<Caller>,
    is_answered: bool,
}

/// What a request brings to the instance that takes it.
#[derive(Default)]
pub(crate) struct Caller {
    instance: OnceLock<Arc<Exchanges>>,
    has_left: AtomicBool,
}

impl Claim {
    pub(crate) fn caller(&self) -> Arc<Caller> {
        self.caller.clone()
    }

    fn instance(&self) -> Option<&Exchanges> {
        self.caller.instance.get().map(Arc::as_ref)
    }
}

impl Caller {
    /// Counts the request in, as an instance takes it.
    pub(crate) fn taken_by(&self, exchanges: &Arc<Exchanges>) {
        // Nobody is left to count it out where the caller has gone already.
        if !self.has_left.load(SeqCst) && self.instance.set(exchanges.clone()).is_ok() {
            exchanges.open.fetch_add(1, SeqCst);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.caller.has_left.store(true, SeqCst);
        if let Some(exchanges) = self.instance() {
            exchanges.open.fetch_sub(1, SeqCst);
            if exchanges.awaited.swap(false, SeqCst) || !self.is_answered {
                exchanges.worker.wake();
            }
        }
    }
}

/// wasmtime ends the body of a guest that trapped, or was stopped, as if it were complete. Here it ends in an error, which cuts
/// the connection.
pub(crate) struct GuestBody {
    body: WasiBody,
    /// None where it is the host that answers, in the guest's stead.
    claim: Option<Claim>,
}

impl GuestBody {
    pub(crate) fn new(body: WasiBody, mut claim: Claim) -> Self {
        claim.is_answered = true;
        GuestBody { body, claim: Some(claim) }
    }

    pub(crate) fn of_host(body: WasiBody) -> Self {
        GuestBody { body, claim: None }
    }

    fn instance(&self) -> Option<&Exchanges> {
        self.claim.as_ref()?.instance()
    }

    fn is_broken(&self) -> bool {
        self.instance().is_some_and(|exchanges| exchanges.failed.load(SeqCst))
    }
}

impl Body for GuestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(exchanges) = self.instance() {
            exchanges.progress();
        }
        Poll::Ready(if frame.is_none() && self.is_broken() { Some(Err(Error::HttpResponseIncomplete)) } else { frame })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() && !self.is_broken()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
