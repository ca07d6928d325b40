//! Body of a request, as the handler reads it: with a limit on its length.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::{runtime::Handle, time::timeout};

use super::activity::ConnectionActivity;

/// Longest time for which the unread rest of a body is drained after the response (lingering close). If the connection were closed while
/// the client still sends, the client would get a reset, and might never see the response.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);

/// Body of a request. Reading it fails once more bytes have arrived than the limit allows.
pub struct RequestBody {
    /// Always set, until this is dropped.
    body: Option<Incoming>,
    remaining: u64,
    over_limit: Flag,
    awaits_continue: Flag,
    /// Set until the body has ended.
    activity: Option<Arc<ConnectionActivity>>,
    deadline: Instant,
}

/// State of a body that is shared with the pipeline, where that is needed. Otherwise it is never set.
#[derive(Clone, Default)]
pub(super) struct Flag(Option<Arc<AtomicBool>>);

impl Flag {
    fn new(is_shared: bool, is_set: bool) -> Self {
        Flag(is_shared.then(|| Arc::new(AtomicBool::new(is_set))))
    }

    fn set(&self, is_set: bool) {
        if let Some(flag) = &self.0 {
            flag.store(is_set, Relaxed);
        }
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.as_ref().is_some_and(|flag| flag.load(Relaxed))
    }
}

impl RequestBody {
    pub(super) fn new(
        body: Incoming,
        limit: u64,
        activity: &Arc<ConnectionActivity>,
        expects_continue: bool,
        deadline: Instant,
    ) -> Self {
        let activity = (!body.is_end_stream()).then(|| activity.clone());
        if let Some(activity) = &activity {
            activity.body_started();
        }
        // hyper makes sure that a body of a known length is not longer.
        let over_limit = Flag::new(body.size_hint().exact().is_none(), false);
        let awaits_continue = Flag::new(expects_continue && activity.is_some(), true);
        RequestBody { body: Some(body), remaining: limit, over_limit, awaits_continue, activity, deadline }
    }

    /// Deadline for the start of the response; after it the server itself responds with 504.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the announced length is over the limit.
    pub(super) fn is_too_large(&self) -> bool {
        self.size_hint().lower() > self.remaining
    }

    /// Set once more bytes have arrived than the limit allows; the response is 413 then.
    pub(super) fn over_limit(&self) -> Flag {
        self.over_limit.clone()
    }

    /// Set while the client waits for status 100 before it sends the body. hyper sends 100 when the body is first read.
    pub(super) fn awaits_continue(&self) -> Flag {
        self.awaits_continue.clone()
    }

    fn end(&mut self) {
        if let Some(activity) = self.activity.take() {
            activity.body_ended();
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = RequestBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RequestBodyError>>> {
        self.awaits_continue.set(false);
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
        let has_ended = frame.is_none() || body.is_end_stream();
        let length = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()).map_or(0, Bytes::len) as u64;
        if let Some(activity) = &self.activity {
            activity.body_received(length);
        }
        if has_ended {
            self.end();
        }
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                if let Some(remaining) = self.remaining.checked_sub(length) {
                    self.remaining = remaining;
                    Some(Ok(frame))
                } else {
                    self.over_limit.set(true);
                    Some(Err(RequestBodyError::OverLimit))
                }
            }
            Some(Err(error)) => Some(Err(RequestBodyError::Connection(error))),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}

/// Drains what the handler has not read, except if the client still waits for status 100.
impl Drop for RequestBody {
    fn drop(&mut self) {
        self.end();
        let unread = self.body.take().filter(|body| !body.is_end_stream() && !self.awaits_continue.is_set());
        if let (Some(mut body), Ok(runtime)) = (unread, Handle::try_current()) {
            let drain = async move { while let Some(Ok(_)) = body.frame().await {} };
            runtime.spawn(async move { _ = timeout(LINGER_TIMEOUT, drain).await });
        }
    }
}

/// Why a request's body ended early.
#[derive(Debug)]
pub enum RequestBodyError {
    /// More bytes than `HELLO_BODY_LIMIT` arrived.
    OverLimit,
    /// The client closed the connection, or violated the protocol.
    Connection(hyper::Error),
}

impl fmt::Display for RequestBodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestBodyError::OverLimit => f.write_str("the request's body is over the limit"),
            RequestBodyError::Connection(error) => write!(f, "the request's body did not arrive: {error}"),
        }
    }
}

impl Error for RequestBodyError {}
