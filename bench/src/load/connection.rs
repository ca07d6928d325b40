//! One HTTP/1.1 connection of the load, which sends the same request again and again.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A request as bytes.
#[derive(Clone)]
pub(crate) struct Request(Arc<[u8]>);

impl Request {
    pub(crate) fn get(path: &str) -> Self {
        Request(format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n").into_bytes().into())
    }

    /// A request whose body of this length is sent back.
    pub(crate) fn echo(length: usize) -> Self {
        let mut bytes = format!("POST /echo HTTP/1.1\r\nHost: bench\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        bytes.resize(bytes.len() + length, b'x');
        Request(bytes.into())
    }
}

/// Kind of a response.
pub(super) enum Outcome {
    /// 200
    Success,
    /// 503 with Retry-After
    Rejection,
}

/// A connection that is opened again when the server closes it.
pub(super) struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    request: Request,
    buffer: Vec<u8>,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr, request: Request) -> io::Result<Self> {
        let stream = connect(address).await?;
        Ok(Connection { address, stream, request, buffer: Vec::with_capacity(64 * 1024) })
    }

    /// Sends the request and reads the whole response, which has to be a 200.
    pub(super) async fn succeed(&mut self) -> io::Result<()> {
        match self.exchange().await? {
            Outcome::Success => Ok(()),
            Outcome::Rejection => Err(io::Error::other("a response with status 503")),
        }
    }

    /// Sends the request and reads the whole response. Reads while it sends, as `/echo` responds before the end of the request.
    pub(super) async fn exchange(&mut self) -> io::Result<Outcome> {
        self.buffer.clear();
        let (mut reader, mut writer) = self.stream.split();
        let (buffer, request) = (&mut self.buffer, &self.request.0);
        let response = async {
            loop {
                if let Some(response) = Response::parse(buffer)? {
                    return Ok(response);
                }
                if reader.read_buf(buffer).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        };
        let ((), response) = tokio::try_join!(writer.write_all(request), response)?;
        if response.closes_connection {
            self.stream = connect(self.address).await?;
        }
        Ok(response.outcome)
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A complete response.
struct Response {
    outcome: Outcome,
    closes_connection: bool,
}

impl Response {
    /// Returns the response once its body is complete, by its length or its last chunk.
    fn parse(bytes: &[u8]) -> io::Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        let Ok(httparse::Status::Complete(head)) = response.parse(bytes) else { return Ok(None) };
        let header = |name: &str| {
            response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
        };
        let outcome = match response.code {
            Some(200) => Outcome::Success,
            Some(503) if header("retry-after").is_some() => Outcome::Rejection,
            code => return Err(io::Error::other(format!("a response with status {code:?}"))),
        };
        let length = header("content-length").and_then(|value| std::str::from_utf8(value).ok()?.parse::<usize>().ok());
        let is_complete = match length {
            Some(length) => bytes.len() >= head + length,
            None => bytes.ends_with(b"0\r\n\r\n"),
        };
        let closes_connection = header("connection") == Some(b"close");
        Ok(is_complete.then_some(Response { outcome, closes_connection }))
    }
}
