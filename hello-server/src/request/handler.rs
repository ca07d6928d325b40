//! The interface between a program and the server: a handler, and the work behind it.

use std::{convert::Infallible, error::Error};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::request_body::RequestBody;

/// Error of a body, of any type.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// Body of a handler's responses. Every body of bytes is one.
pub trait ResponseBytes: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static {}

impl<B> ResponseBytes for B where B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static {}

/// Handler of requests. Every `tower` service is one that is always ready, never fails, and is cheap to clone.
pub trait Handler:
    Service<Request<RequestBody>, Response = Response<<Self as Handler>::Body>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
    /// Body of the responses.
    type Body: ResponseBytes;
}

impl<S, B> Handler for S
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    B: ResponseBytes,
{
    type Body = B;
}

/// Handler of a server, and its description.
pub struct Workload<H> {
    /// Handles the requests.
    pub handler: H,
    /// `native`, `wasi-0.2` or `wasi-0.3`.
    pub runtime: &'static str,
    /// File of the component, for a host.
    pub component: Option<String>,
    /// Resolves when no work is left in the background of requests that have ended; the drain waits for it.
    pub idle: BoxFuture<'static, ()>,
}
