//! Bodies on their way through the server: the request's, held to the limit, and the answer's, which ends the exchange.

use std::{
    error::Error,
    fmt,
    future::poll_fn,
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
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::{runtime::Handle, time::timeout};

use crate::{progress::Progress, request::Exchange};

/// How long what is left of a body is read after its answer. A client that is still sending when its connection is closed gets a
/// reset, and may never see the answer.
const LINGER: Duration = Duration::from_secs(5);

/// The body of a request, as a handler sees it: it fails once more bytes have come than the limit allows.
pub struct RequestBody {
    /// There until it is dropped.
    body: Option<Incoming>,
    remaining: u64,
    over_limit: Flag,
    awaits_continue: Flag,
    /// Until the body has ended.
    progress: Option<Arc<Progress>>,
    deadline: Instant,
}

/// State of a request's body that the pipeline shares; never set where it has none to share.
#[derive(Clone, Default)]
pub(crate) struct Flag(Option<Arc<AtomicBool>>);

impl Flag {
    fn new(is_shared: bool, is_set: bool) -> Self {
        Flag(is_shared.then(|| Arc::new(AtomicBool::new(is_set))))
    }

    fn set(&self, is_set: bool) {
        if let Some(flag) = &self.0 {
            flag.store(is_set, Relaxed);
        }
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.as_ref().is_some_and(|flag| flag.load(Relaxed))
    }
}

impl RequestBody {
    pub(crate) fn new(
        body: Incoming,
        limit: u64,
        progress: &Arc<Progress>,
        expects_continue: bool,
        deadline: Instant,
    ) -> Self {
        let progress = (!body.is_end_stream()).then(|| progress.clone());
        if let Some(progress) = &progress {
            progress.body();
        }
        // A body of a known length cannot become longer: hyper sees to that.
        let over_limit = Flag::new(body.size_hint().exact().is_none(), false);
        let awaits_continue = Flag::new(expects_continue && progress.is_some(), true);
        RequestBody { body: Some(body), remaining: limit, over_limit, awaits_continue, progress, deadline }
    }

    /// When the response to the request must have begun; then the server responds with 504 itself.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the announced length is over the limit already.
    pub(crate) fn is_too_large(&self) -> bool {
        self.size_hint().lower() > self.remaining
    }

    /// Whether more bytes have come than the limit allows; the response is 413 then.
    pub(crate) fn over_limit(&self) -> Flag {
        self.over_limit.clone()
    }

    /// Whether the client waits for 100 before it sends the body. hyper sends it when the body is first asked for.
    pub(crate) fn awaits_continue(&self) -> Flag {
        self.awaits_continue.clone()
    }

    fn end(&mut self) {
        if let Some(progress) = self.progress.take() {
            progress.end_body();
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
        if let Some(progress) = &self.progress {
            progress.received(length);
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

/// Reads on what the handler has left, unless the client waits to be asked for it.
impl Drop for RequestBody {
    fn drop(&mut self) {
        self.end();
        let left = self.body.take().filter(|body| !body.is_end_stream() && !self.awaits_continue.is_set());
        if let (Some(mut body), Ok(runtime)) = (left, Handle::try_current()) {
            let drain = async move { while let Some(Ok(_)) = body.frame().await {} };
            runtime.spawn(async move { _ = timeout(LINGER, drain).await });
        }
    }
}

/// Why a request's body ended early.
#[derive(Debug)]
pub enum RequestBodyError {
    /// More bytes than `HELLO_BODY_LIMIT`.
    OverLimit,
    /// The client went away, or broke the protocol.
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

/// The body of an answer: a handler's or the server's own. The exchange ends, and is counted, when it is dropped.
pub(crate) struct ResponseBody<B> {
    body: Answer<B>,
    /// What was read of it before its headers were sent.
    ahead: Option<Box<Ahead>>,
    pub(crate) exchange: Box<Exchange>,
}

/// What a body has next: nothing where it has ended.
type Ahead = Option<Result<Frame<Bytes>, Box<dyn Error + Send + Sync>>>;

pub(crate) enum Answer<B> {
    Handler(B),
    Server(Full<Bytes>),
    /// Of no known length: what the headers say of it holds.
    None,
}

impl<B> ResponseBody<B> {
    pub(crate) fn new(body: Answer<B>, exchange: Box<Exchange>) -> Self {
        ResponseBody { body, ahead: None, exchange }
    }
}

impl<B> ResponseBody<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    /// Waits until there is a part of the body, or its end.
    pub(crate) async fn read_ahead(&mut self) {
        if !self.body.is_end_stream() {
            self.ahead = Some(Box::new(poll_fn(|cx| self.body.poll_frame(cx)).await));
        }
    }
}

impl<B> Answer<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Ahead> {
        Poll::Ready(match self {
            Answer::Handler(body) => ready!(Pin::new(body).poll_frame(cx)).map(|frame| frame.map_err(Into::into)),
            Answer::Server(body) => {
                ready!(Pin::new(body).poll_frame(cx)).map(|frame| frame.map_err(|never| match never {}))
            }
            Answer::None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Answer::Handler(body) => body.is_end_stream(),
            Answer::Server(body) => body.is_end_stream(),
            Answer::None => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Answer::Handler(body) => body.size_hint(),
            Answer::Server(body) => body.size_hint(),
            Answer::None => SizeHint::default(),
        }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = match self.ahead.take() {
            Some(ahead) => *ahead,
            None => match self.body.poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    self.exchange.progress().set_slow();
                    return Poll::Pending;
                }
            },
        };
        match &frame {
            Some(Ok(frame)) => {
                let is_last = self.is_end_stream();
                self.exchange.sent(frame.data_ref().map_or(0, Bytes::len), is_last);
            }
            Some(Err(error)) => self.exchange.breaks_off(&**error),
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.body.size_hint();
        match self.ahead.as_deref() {
            Some(Some(Ok(frame))) => added(hint, frame.data_ref().map_or(0, Bytes::len) as u64),
            _ => hint,
        }
    }
}

/// A hint with so many bytes more.
pub(crate) fn added(hint: SizeHint, bytes: u64) -> SizeHint {
    let mut sum = SizeHint::new();
    sum.set_lower(hint.lower() + bytes);
    if let Some(upper) = hint.upper() {
        sum.set_upper(upper + bytes);
    }
    sum
}
