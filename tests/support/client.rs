//! A client that sends exactly what it is given: one connection a request, nothing added.

use std::{
    error::Error,
    io::{ErrorKind, Read, Write},
    net::{self, SocketAddr},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    client::conn,
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use socket2::SockRef;
use tokio::{net::TcpStream, runtime::Builder, task::JoinHandle, time::timeout};

use crate::{PATIENCE, Server};

/// How long a connection without a client library is waited for.
const RAW_TIMEOUT: Duration = Duration::from_secs(30);

/// How a request travels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Protocol {
    /// HTTP/1.1
    Http1,
    /// HTTP/2 by prior knowledge
    Http2,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, to the end.
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    /// A header as text, or nothing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("the header is text"))
    }

    /// What must be the same from every runtime: the status, the headers and the body, a page excepted.
    #[must_use]
    pub fn comparable(&self) -> (StatusCode, HeaderMap, Value) {
        let mut headers = self.headers.clone();
        for name in HEADERS_OF_THE_TRANSPORT {
            headers.remove(name);
        }
        let has_type =
            |is_it: fn(&[u8]) -> bool| self.headers.get(CONTENT_TYPE).is_some_and(|value| is_it(value.as_bytes()));
        let mut body = match serde_json::from_slice(&self.body) {
            Ok(body) if has_type(|name| name.ends_with(b"json")) => body,
            _ => Value::String(self.body.escape_ascii().to_string()),
        };
        if let Some(fields) = body.as_object_mut() {
            for field in FIELDS_OF_THE_RUNTIME {
                fields.remove(field);
            }
        }
        if has_type(|name| name.starts_with(b"text/html")) {
            body = Value::Null;
        }
        // Names of runtimes and hosts differ in length.
        if body.get("version").is_some() || body.is_null() || self.body.is_empty() {
            headers.remove("content-length");
        }
        (self.status, headers, body)
    }
}

/// What the contract allows to differ: who serves, where, and when.
const FIELDS_OF_THE_RUNTIME: [&str; 4] = ["runtime", "target", "wasi_host", "hostname"];

/// Headers of the connection or of the moment. HTTP/2 and other hosts frame bodies in ways of their own.
const HEADERS_OF_THE_TRANSPORT: [&str; 4] = ["date", "connection", "transfer-encoding", "keep-alive"];

/// A body of any kind.
pub type AnyBody = BoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// A request with such a body.
pub type AnyRequest = Request<AnyBody>;

/// A request with a body of known length.
#[must_use]
pub fn request(method: &str, path: &str, body: impl Into<Bytes>) -> AnyRequest {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let body = Full::new(body.into()).map_err(Into::into).boxed();
    Request::builder().method(method).uri(path).header(HOST, "hello.test").body(body).expect("a request")
}

/// Sends a plain GET over HTTP/1.1.
#[must_use]
pub fn get(address: SocketAddr, path: &str) -> Answer {
    send(address, Protocol::Http1, request("GET", path, ""))
}

/// Sends a request and waits for the whole answer.
#[must_use]
pub fn send(address: SocketAddr, protocol: Protocol, request: AnyRequest) -> Answer {
    let what = format!("{} {}", request.method(), request.uri());
    try_send(address, protocol, request).unwrap_or_else(|error| panic!("{what}: {error}"))
}

/// Sends a request and waits for the whole answer.
///
/// # Errors
/// What went wrong on the connection.
pub fn try_send(
    address: SocketAddr,
    protocol: Protocol,
    request: AnyRequest,
) -> Result<Answer, Box<dyn Error + Send + Sync>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { timeout(PATIENCE, exchange(address, protocol, request)).await? })
}

/// A TCP connection on which no read or write takes longer than anything should.
///
/// # Panics
/// Where there is no connection to be had.
#[must_use]
pub fn tcp(address: SocketAddr) -> net::TcpStream {
    let stream = net::TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(RAW_TIMEOUT)).expect("a time-out");
    stream.set_write_timeout(Some(RAW_TIMEOUT)).expect("a time-out");
    stream
}

/// Returns what a connection responds with to these bytes until it is closed.
///
/// # Panics
/// Where it is neither closed nor responds for `RAW_TIMEOUT`.
#[must_use]
pub fn raw(server: &Server, bytes: &[u8]) -> String {
    let mut stream = tcp(server.address);
    stream.write_all(bytes).expect("sent");
    read_to_close(&mut stream)
}

/// Returns what comes until the connection is closed, by a reset or in order.
///
/// # Panics
/// Where nothing comes for `RAW_TIMEOUT`.
#[must_use]
pub fn read_to_close(stream: &mut net::TcpStream) -> String {
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let is_late = end.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    assert!(!is_late, "the connection is still open after {answer:?}");
    answer
}

/// Closes a connection by a reset, as the kernel does for a client that has ended or is gone.
///
/// # Panics
/// Where the kernel does not allow that.
pub fn reset(stream: net::TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a reset when closed");
    drop(stream);
}

/// Waits until something answers a GET there, whatever it answers: for a program that does not say when it is ready.
///
/// # Panics
/// Where that takes too long.
pub fn wait_until_it_answers(address: SocketAddr) {
    let deadline = Instant::now() + PATIENCE;
    while try_send(address, Protocol::Http1, request("GET", "/", "")).is_err() {
        assert!(Instant::now() < deadline, "nothing answers at {address}");
        thread::yield_now();
    }
}

/// A connection of HTTP/2 with a window of so many bytes for each answer, or hyper's own: what sends requests over it, and what ends
/// when it does.
///
/// # Errors
/// What went wrong before it was one.
pub async fn http2_connection(
    address: SocketAddr,
    window: Option<u32>,
) -> Result<(conn::http2::SendRequest<AnyBody>, JoinHandle<hyper::Result<()>>), Box<dyn Error + Send + Sync>> {
    let io = TokioIo::new(TcpStream::connect(address).await?);
    let mut http2 = conn::http2::Builder::new(TokioExecutor::new());
    let (sender, connection) = http2.initial_stream_window_size(window).handshake(io).await?;
    Ok((sender, tokio::spawn(connection)))
}

/// A request as HTTP/2 has it, with the authority in its URI.
///
/// # Errors
/// Its Host is none that stands in a URI.
pub fn over_http2(mut request: AnyRequest) -> Result<AnyRequest, Box<dyn Error + Send + Sync>> {
    if let Some(host) = request.headers_mut().remove(HOST) {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
        *request.uri_mut() = format!("http://{}{path}", host.to_str()?).parse()?;
    }
    Ok(request)
}

async fn exchange(
    address: SocketAddr,
    protocol: Protocol,
    request: AnyRequest,
) -> Result<Answer, Box<dyn Error + Send + Sync>> {
    let response: Response<_> = match protocol {
        Protocol::Http1 => {
            let io = TokioIo::new(TcpStream::connect(address).await?);
            let (mut sender, connection) = conn::http1::handshake(io).await?;
            tokio::spawn(connection);
            sender.send_request(request).await?
        }
        Protocol::Http2 => {
            let (mut sender, _connection) = http2_connection(address, None).await?;
            sender.send_request(over_http2(request)?).await?
        }
    };
    let (head, body) = response.into_parts();
    Ok(Answer { status: head.status, headers: head.headers, body: body.collect().await?.to_bytes() })
}
