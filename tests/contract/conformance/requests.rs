//! Requests that need more than a method, a path and a body.

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::{Request, body::Frame, header::HeaderValue};
use tests::{BoxRequest, request};

pub(crate) fn with<B>(name: &'static str, value: &'static str, mut request: Request<B>) -> Request<B> {
    request.headers_mut().append(name, HeaderValue::from_static(value));
    request
}

pub(crate) fn utf8_header() -> BoxRequest {
    let mut request = request("GET", "/headers", "");
    request.headers_mut().insert("x-name", HeaderValue::from_bytes("Jürgen".as_bytes()).expect("the value is valid"));
    request
}

pub(crate) fn chunked_echo() -> BoxRequest {
    let chunks = pattern(300_000);
    let frames = (0..chunks.len()).step_by(7_001).map(move |start| {
        let end = chunks.len().min(start + 7_001);
        Ok(Frame::data(chunks.slice(start..end)))
    });
    let body = StreamBody::new(ready_stream(frames));
    request("POST", "/echo", "").map(|_| BodyExt::boxed(body))
}

/// Returns an iterator as a stream that is always ready.
fn ready_stream<T>(mut items: impl Iterator<Item = T>) -> impl futures_util::Stream<Item = T> {
    futures_util::stream::poll_fn(move |_| std::task::Poll::Ready(items.next()))
}

/// Returns bytes in which a lost or swapped chunk shows.
pub(crate) fn pattern(length: usize) -> Bytes {
    (0..length)
        .map(|index| u8::try_from((index / 7 + index) % 251).expect("the value is below 251"))
        .collect::<Vec<_>>()
        .into()
}
