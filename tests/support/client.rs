//! An HTTP client that sends exactly what it is given: one connection per request, and no header field is added.

use std::{error::Error, net::SocketAddr, thread, time::Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{Method, Request, client::conn, header::HOST};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, runtime::Builder, task::JoinHandle, time::timeout};

use crate::{Response, TIMEOUT};

/// Version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Protocol {
    /// HTTP/1.1
    Http1,
    /// HTTP/2 by prior knowledge
    Http2,
}

type BoxError = Box<dyn Error + Send + Sync>;

/// Body of a request, of any kind.
pub type RequestBody = BoxBody<Bytes, BoxError>;

/// A request with a body of any kind.
pub type BoxRequest = Request<RequestBody>;

/// Returns a request with a body of known length.
///
/// # Panics
/// Panics if method or path are invalid.
#[must_use]
pub fn request(method: &str, path: &str, body: impl Into<Bytes>) -> BoxRequest {
    let method = Method::from_bytes(method.as_bytes()).expect("the method is valid");
    let body = Full::new(body.into()).map_err(Into::into).boxed();
    Request::builder().method(method).uri(path).header(HOST, "hello.test").body(body).expect("the request is valid")
}

/// Sends a GET over HTTP/1.1.
#[must_use]
pub fn get(address: SocketAddr, path: &str) -> Response {
    send(address, Protocol::Http1, request("GET", path, ""))
}

/// Sends a request and waits for the whole response.
///
/// # Panics
/// Panics if there is none.
#[must_use]
pub fn send(address: SocketAddr, protocol: Protocol, request: BoxRequest) -> Response {
    let target = format!("{} {}", request.method(), request.uri());
    try_send(address, protocol, request).unwrap_or_else(|error| panic!("{target}: {error}"))
}

/// Sends a request and waits for the whole response.
///
/// # Errors
/// The error of the connection, or that of the time limit.
pub fn try_send(address: SocketAddr, protocol: Protocol, request: BoxRequest) -> Result<Response, BoxError> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { timeout(TIMEOUT, exchange(address, protocol, request)).await? })
}

/// Waits until a GET gets any response: for programs that do not print when they are ready.
///
/// # Panics
/// Panics after [`TIMEOUT`].
pub fn wait_until_reachable(address: SocketAddr) {
    let deadline = Instant::now() + TIMEOUT;
    while let Err(error) = try_send(address, Protocol::Http1, request("GET", "/", "")) {
        assert!(Instant::now() < deadline, "{address} does not respond: {error}");
        thread::yield_now();
    }
}

/// Opens an HTTP/2 connection with this initial window per stream, or hyper's default. Returns the sender of requests and the task
/// that ends with the connection.
///
/// # Errors
/// The error of the handshake.
pub async fn http2_connection(
    address: SocketAddr,
    window: Option<u32>,
) -> Result<(conn::http2::SendRequest<RequestBody>, JoinHandle<hyper::Result<()>>), BoxError> {
    let io = TokioIo::new(TcpStream::connect(address).await?);
    let mut http2 = conn::http2::Builder::new(TokioExecutor::new());
    let (sender, connection) = http2.initial_stream_window_size(window).handshake(io).await?;
    Ok((sender, tokio::spawn(connection)))
}

/// Returns the request in the form of HTTP/2: its Host becomes the authority of the URI.
///
/// # Errors
/// The Host is not valid in a URI.
pub fn into_http2(mut request: BoxRequest) -> Result<BoxRequest, BoxError> {
    if let Some(host) = request.headers_mut().remove(HOST) {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
        *request.uri_mut() = format!("http://{}{path}", host.to_str()?).parse()?;
    }
    Ok(request)
}

async fn exchange(address: SocketAddr, protocol: Protocol, request: BoxRequest) -> Result<Response, BoxError> {
    let response = match protocol {
        Protocol::Http1 => {
            let io = TokioIo::new(TcpStream::connect(address).await?);
            let (mut sender, connection) = conn::http1::handshake(io).await?;
            tokio::spawn(connection);
            sender.send_request(request).await?
        }
        Protocol::Http2 => {
            let (mut sender, _connection) = http2_connection(address, None).await?;
            sender.send_request(into_http2(request)?).await?
        }
    };
    let (head, body) = response.into_parts();
    Ok(Response { status: head.status, headers: head.headers, body: body.collect().await?.to_bytes() })
}
