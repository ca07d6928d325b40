//! The body of a guest's answer on its way to the caller: one that the guest did not finish must not look whole.

use std::{
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

/// Which instance took a request, as far as its answer must know: whether that instance has failed. Set when the request starts.
pub(crate) type Taker = Arc<OnceLock<Arc<AtomicBool>>>;

/// wasmtime ends the body of a guest that trapped, or was stopped, as if it were complete. Here it ends in an error, which cuts
/// the connection.
pub(crate) struct GuestBody {
    body: WasiBody,
    taker: Taker,
}

impl GuestBody {
    pub(crate) fn new(body: WasiBody, taker: Taker) -> Self {
        GuestBody { body, taker }
    }

    fn is_broken(&self) -> bool {
        self.taker.get().is_some_and(|failed| failed.load(Relaxed))
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
