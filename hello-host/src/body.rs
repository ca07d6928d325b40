//! The body of a guest's answer on its way to the caller. It ties the caller and the instance together until it has ended: an
//! instance gets its next request only then, and a body that the guest could not finish does not look whole.

use std::{
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker, ready},
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
}

impl Exchanges {
    /// Whether the instance may take one more; if not, the worker is woken when it may.
    pub(crate) fn has_room(&self, max_open: usize) -> bool {
        let has_room = self.open.load(SeqCst) < max_open;
        self.awaited.store(!has_room, SeqCst);
        has_room
    }

    /// Has the worker woken when there is room again, or now, where that has come to be in the meantime.
    pub(crate) fn wake_when_there_is_room(&self, worker: &Waker, max_open: usize) {
        self.worker.register(worker);
        if self.awaited.load(SeqCst) && self.open.load(SeqCst) < max_open {
            self.awaited.store(false, SeqCst);
            worker.wake_by_ref();
        }
    }

    /// Marks all bodies that are still open as broken. To be called before the instance is dropped, as that ends them.
    pub(crate) fn fail(&self) {
        self.failed.store(true, SeqCst);
    }
}

/// A request's claim on the instance that takes it, from that moment to the end of its answer.
#[derive(Default)]
pub(crate) struct Claim(Taken);

/// What a request brings to the instance that takes it.
pub(crate) type Taken = Arc<OnceLock<Arc<Exchanges>>>;

impl Claim {
    pub(crate) fn taken(&self) -> Taken {
        self.0.clone()
    }
}

/// Counts a request in, as its instance takes it.
pub(crate) fn take(taken: &Taken, exchanges: &Arc<Exchanges>) {
    // Nobody is left to count it out where the caller has gone already.
    if Arc::strong_count(taken) > 1 && taken.set(exchanges.clone()).is_ok() {
        exchanges.open.fetch_add(1, SeqCst);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(exchanges) = self.0.get() {
            exchanges.open.fetch_sub(1, SeqCst);
            if exchanges.awaited.swap(false, SeqCst) {
                exchanges.worker.wake();
            }
        }
    }
}

/// wasmtime ends the body of a guest that trapped, or was stopped, as if it were complete. Here it ends in an error, which cuts
/// the connection.
pub(crate) struct GuestBody {
    body: WasiBody,
    claim: Claim,
}

impl GuestBody {
    pub(crate) fn new(body: WasiBody, claim: Claim) -> Self {
        GuestBody { body, claim }
    }

    fn is_broken(&self) -> bool {
        self.claim.0.get().is_some_and(|exchanges| exchanges.failed.load(SeqCst))
    }
}

impl Body for GuestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(if frame.is_none() && self.is_broken() { Some(Err(Error::HttpResponseIncomplete)) } else { frame })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() && !self.is_broken()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
