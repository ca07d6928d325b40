//! Body of a response over HTTP/2, in chunks that hold the response's guard until they are sent. hyper reads the last chunk long before
//! the client has room for it; without this, the permit would be released too early.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{
    exchange::ResponseGuard,
    handler::{BoxError, ResponseBytes},
    response_body::{ResponseBody, add_to_hint},
};

/// Largest chunk. Each chunk that is sent counts as progress of the response.
const MAX_CHUNK: usize = 64 * 1024;

pub(crate) struct Http2Body<B> {
    body: ResponseBody<B>,
    guard: Arc<ResponseGuard>,
    /// The rest of a frame that is larger than a chunk.
    rest: Bytes,
}

/// Owner of the bytes of one chunk.
struct GuardedChunk {
    bytes: Bytes,
    _guard: Arc<ResponseGuard>,
}

impl AsRef<[u8]> for GuardedChunk {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<B> Http2Body<B> {
    pub(crate) fn new(mut body: ResponseBody<B>) -> Self {
        let guard = Arc::new(body.exchange.take_guard());
        Http2Body { body, guard, rest: Bytes::new() }
    }
}

impl<B: ResponseBytes> Body for Http2Body<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)).map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => self.rest = data,
                Some(Ok(Err(trailers))) => return Poll::Ready(Some(Ok(trailers))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let length = self.rest.len().min(MAX_CHUNK);
        let chunk = GuardedChunk { bytes: self.rest.split_to(length), _guard: self.guard.clone() };
        self.guard.note_progress();
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(chunk)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        add_to_hint(&self.body.size_hint(), self.rest.len() as u64)
    }
}
