//! TCP stream that HTTP is read from and written to. It tells HTTP/1 from HTTP/2, merges small writes, and notes what happens for the
//! time-outs of the connection.

use std::{
    future::pending,
    io::{self, IoSlice},
    os::fd::AsFd,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::BufMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};

use crate::{
    connection_memory::{ConnectionMemory, Reservation, SMALL_HEAD},
    metrics::METRICS,
    progress::Progress,
};

/// The first bytes of an HTTP/2 connection by prior knowledge (RFC 9113, 3.4).
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Request line and headers together; hyper responds with 431 above it.
pub(crate) const MAX_HEADER_BYTES: u32 = 32 * 1024;

/// Largest sum of buffers that are copied into one. To walk through a list of buffers, as `writev` does, takes the kernel longer than
/// that: 4 % of a hello. hyper could copy them, too, but would keep a buffer for the largest body of each connection.
const SMALL: usize = 1024;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

pub(crate) struct Coalesced {
    stream: TcpStream,
    progress: Arc<Progress>,
    memory: &'static ConnectionMemory,
    protocol: Protocol,
    /// What `protocol` has read and HTTP has not.
    start: [u8; HTTP2_PREFACE.len()],
    start_read: usize,
    start_length: usize,
    /// For headers of a request that are larger than most.
    large_head: Option<Reservation>,
    /// While a request is slow: ready when the connection is reset.
    reset: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    is_full: bool,
}

impl Coalesced {
    pub(crate) fn new(stream: TcpStream, progress: Arc<Progress>, memory: &'static ConnectionMemory) -> Self {
        Coalesced {
            stream,
            progress,
            memory,
            protocol: Protocol::Http1,
            start: [0; HTTP2_PREFACE.len()],
            start_read: 0,
            start_length: 0,
            large_head: None,
            reset: None,
            is_full: false,
        }
    }

    /// Reads as much as tells the protocol. hyper-util's `auto` builder would do so, too, but the time-outs differ by protocol.
    ///
    /// # Errors
    /// The connection's.
    pub(crate) async fn protocol(&mut self) -> io::Result<Protocol> {
        while HTTP2_PREFACE.starts_with(&self.start[..self.start_length]) {
            let length = self.stream.read(&mut self.start[self.start_length..]).await?;
            if length == 0 {
                break;
            }
            self.start_length += length;
            self.progress.read(length as u64);
            if self.start == *HTTP2_PREFACE {
                self.protocol = Protocol::Http2;
                break;
            }
        }
        Ok(self.protocol)
    }

    /// Notes bytes that were read. Fails where the headers of a request become larger than most, and there is no memory for that.
    fn note_read(&mut self, length: usize) -> io::Result<()> {
        if self.protocol == Protocol::Http2 {
            return Ok(());
        }
        let head = self.progress.read(length as u64);
        if head <= SMALL_HEAD {
            self.large_head = None;
        } else if self.large_head.is_none() {
            self.large_head = self.memory.reserve(MAX_HEADER_BYTES.into());
            if self.large_head.is_none() {
                METRICS.out_of_memory.inc();
                return Err(io::Error::from(io::ErrorKind::OutOfMemory));
            }
        }
        Ok(())
    }

    /// Fails once the connection is reset, where a request takes so long that somebody should look. HTTP/1 does not read while a
    /// response is on its way, as a client may close its side and await one still (RFC 9112, 9.6).
    fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        // HTTP/2 reads all the time.
        if self.protocol == Protocol::Http2 || !self.progress.is_slow() {
            self.reset = None;
            return Poll::Pending;
        }
        let reset = self.reset.get_or_insert_with(|| {
            let duplicate = self.stream.as_fd().try_clone_to_owned().and_then(|fd| TcpStream::from_std(fd.into()));
            Box::pin(async move {
                match duplicate {
                    Ok(stream) => _ = stream.ready(Interest::ERROR).await,
                    // There are no more descriptors; a write will tell.
                    Err(_) => pending().await,
                }
            })
        });
        reset.as_mut().poll(cx).map(|()| io::ErrorKind::ConnectionReset.into())
    }

    fn wrote(&mut self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if outcome.is_pending() != self.is_full {
            self.is_full = outcome.is_pending();
            self.progress.full(self.is_full);
        }
        outcome
    }
}

impl AsyncRead for Coalesced {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.start_read < self.start_length {
            let length = buffer.remaining().min(self.start_length - self.start_read);
            buffer.put_slice(&self.start[self.start_read..][..length]);
            self.start_read += length;
        }
        // Both at once, as hyper makes room for the headers with every read.
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Pending if before > 0 => return Poll::Ready(Ok(())),
            read => ready!(read)?,
        }
        let length = buffer.filled().len() - before;
        Poll::Ready(self.note_read(length))
    }
}

impl AsyncWrite for Coalesced {
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [buffer] = buffers {
            return self.poll_write(cx, buffer);
        }
        let length: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        if length > SMALL {
            let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, buffers);
            return self.wrote(outcome);
        }
        let mut whole = [0; SMALL];
        let mut room = &mut whole[..];
        for buffer in buffers {
            room.put_slice(buffer);
        }
        self.poll_write(cx, &whole[..length])
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buffer);
        self.wrote(outcome)
    }

    /// HTTP/1 asks for it whenever it has done something.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(error) = self.poll_reset(cx) {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
