//! Body of a response. It carries the exchange, which ends with it.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use super::{
    exchange::Exchange,
    handler::{BoxError, ResponseBytes},
};

/// Body of a response, and the exchange that ends when it is dropped.
pub(crate) struct ResponseBody<B> {
    source: Source<B>,
    /// Frame that was read before the headers were sent.
    read_ahead: Option<Box<ReadFrame>>,
    pub(super) exchange: Box<Exchange>,
}

/// Next frame of a body; none at its end.
type ReadFrame = Option<Result<Frame<Bytes>, BoxError>>;

/// Where the content of a response comes from.
pub(super) enum Source<B> {
    Handler(B),
    Server(Full<Bytes>),
    /// There is no content. Its length is not known: the headers may have the length that it would have.
    None,
}

impl<B> ResponseBody<B> {
    pub(super) fn new(source: Source<B>, exchange: Box<Exchange>) -> Self {
        ResponseBody { source, read_ahead: None, exchange }
    }
}

impl<B: ResponseBytes> ResponseBody<B> {
    /// Waits for the first frame of the body, or its end.
    pub(super) async fn read_ahead(&mut self) {
        if !self.source.is_end_stream() {
            self.read_ahead = Some(Box::new(poll_fn(|cx| self.source.poll_frame(cx)).await));
        }
    }
}

impl<B: ResponseBytes> Source<B> {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<ReadFrame> {
        Poll::Ready(match self {
            Source::Handler(body) => ready!(Pin::new(body).poll_frame(cx)).map(|frame| frame.map_err(Into::into)),
            Source::Server(body) => {
                ready!(Pin::new(body).poll_frame(cx)).map(|frame| frame.map_err(|never| match never {}))
            }
            Source::None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Source::Handler(body) => body.is_end_stream(),
            Source::Server(body) => body.is_end_stream(),
            Source::None => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Source::Handler(body) => body.size_hint(),
            Source::Server(body) => body.size_hint(),
            Source::None => SizeHint::default(),
        }
    }
}

impl<B: ResponseBytes> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ReadFrame> {
        let frame = match self.read_ahead.take() {
            Some(frame) => *frame,
            None => match self.source.poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    self.exchange.activity().set_slow();
                    return Poll::Pending;
                }
            },
        };
        match &frame {
            Some(Ok(frame)) => {
                let is_last = self.is_end_stream();
                self.exchange.chunk_sent(frame.data_ref().map_or(0, Bytes::len), is_last);
            }
            Some(Err(error)) => self.exchange.response_aborted(&**error),
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.read_ahead.is_none() && self.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.source.size_hint();
        match self.read_ahead.as_deref() {
            Some(Some(Ok(frame))) => add_to_hint(&hint, frame.data_ref().map_or(0, Bytes::len) as u64),
            _ => hint,
        }
    }
}

/// Returns the hint for a body that has these bytes before it.
pub(super) fn add_to_hint(hint: &SizeHint, bytes: u64) -> SizeHint {
    let mut sum = SizeHint::new();
    sum.set_lower(hint.lower() + bytes);
    if let Some(upper) = hint.upper() {
        sum.set_upper(upper + bytes);
    }
    sum
}
