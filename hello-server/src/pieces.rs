//! The body of an answer over HTTP/2, in pieces that hold what the request holds until they are sent: a connection takes the last ones
//! long before its client makes room for them.

use std::{
    error::Error,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::{
    body::{ResponseBody, added},
    request::Hold,
};

/// How an answer gets on is seen by its pieces.
const MAX_PIECE: usize = 64 * 1024;

pub(crate) struct Pieces<B> {
    body: ResponseBody<B>,
    hold: Arc<Hold>,
    /// Of a frame that is larger than a piece.
    rest: Bytes,
}

struct Piece {
    bytes: Bytes,
    _hold: Arc<Hold>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<B> Pieces<B> {
    pub(crate) fn new(mut body: ResponseBody<B>) -> Self {
        let hold = Arc::new(body.exchange.hold());
        Pieces { body, hold, rest: Bytes::new() }
    }
}

impl<B> Body for Pieces<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)).map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => self.rest = data,
                Some(Ok(Err(trailers))) => return Poll::Ready(Some(Ok(trailers))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let length = self.rest.len().min(MAX_PIECE);
        let piece = Piece { bytes: self.rest.split_to(length), _hold: self.hold.clone() };
        self.hold.gets_on();
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        added(self.body.size_hint(), self.rest.len() as u64)
    }
}
