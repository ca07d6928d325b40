//! TCP stream of a connection. It detects the protocol, merges small writes, and notes what happens for the connection's timeouts.

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

use super::{
    memory::{ConnectionMemory, Reservation, SMALL_HEAD},
    protocol::{Preface, Protocol},
};
use crate::{request::ConnectionActivity, telemetry::METRICS};

/// Limit on the request line and the headers together; hyper responds with 431 above it.
pub(super) const MAX_HEADER_BYTES: u32 = 32 * 1024;

/// Largest sum of buffers that are merged into one. The kernel takes longer to process a list of buffers (`writev`) than this code to copy
/// that much: 4 % of a hello. hyper can merge them, too, but would keep a buffer for the largest body of each connection.
const MAX_COALESCED: usize = 1024;

pub(super) struct CoalescingStream {
    stream: TcpStream,
    activity: Arc<ConnectionActivity>,
    memory: &'static ConnectionMemory,
    protocol: Protocol,
    preface: Preface,
    /// Memory for headers larger than [`SMALL_HEAD`].
    large_head: Option<Reservation>,
    /// While a request is slow: ready when the client resets the connection.
    reset: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    is_write_blocked: bool,
}

impl CoalescingStream {
    pub(super) fn new(stream: TcpStream, activity: Arc<ConnectionActivity>, memory: &'static ConnectionMemory) -> Self {
        CoalescingStream {
            stream,
            activity,
            memory,
            protocol: Protocol::Http1,
            preface: Preface::default(),
            large_head: None,
            reset: None,
            is_write_blocked: false,
        }
    }

    /// Reads until the protocol is known. hyper-util's `auto` builder can detect it, too, but the timeouts here differ by protocol.
    ///
    /// # Errors
    /// The connection's.
    pub(super) async fn detect_protocol(&mut self) -> io::Result<Protocol> {
        while self.preface.protocol().is_none() {
            let length = self.stream.read(self.preface.unread()).await?;
            if length == 0 {
                break;
            }
            self.preface.add(length);
            self.activity.bytes_read(length as u64);
        }
        self.protocol = self.preface.protocol().unwrap_or(Protocol::Http1);
        Ok(self.protocol)
    }

    /// Notes bytes that were read. Fails if the headers of a request become large, and there is no memory left for that.
    fn note_read(&mut self, length: usize) -> io::Result<()> {
        if self.protocol == Protocol::Http2 {
            return Ok(());
        }
        let head = self.activity.bytes_read(length as u64);
        if head <= SMALL_HEAD {
            self.large_head = None;
        } else if self.large_head.is_none() {
            self.large_head = self.memory.reserve(MAX_HEADER_BYTES.into());
            if self.large_head.is_none() {
                METRICS.out_of_memory.inc();
                return Err(io::ErrorKind::OutOfMemory.into());
            }
        }
        Ok(())
    }

    /// While a request is slow, fails as soon as the client resets the connection. HTTP/1 does not read while a response is being sent,
    /// because a client may close its side and still expect a response (RFC 9112, 9.6). HTTP/2 always reads.
    fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.protocol == Protocol::Http2 || !self.activity.is_slow() {
            self.reset = None;
            return Poll::Pending;
        }
        let reset = self.reset.get_or_insert_with(|| {
            let duplicate = self.stream.as_fd().try_clone_to_owned().and_then(|fd| TcpStream::from_std(fd.into()));
            Box::pin(async move {
                match duplicate {
                    Ok(stream) => _ = stream.ready(Interest::ERROR).await,
                    // No file descriptor was left. The next write finds the reset.
                    Err(_) => pending().await,
                }
            })
        });
        reset.as_mut().poll(cx).map(|()| io::ErrorKind::ConnectionReset.into())
    }

    fn note_write(&mut self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if result.is_pending() != self.is_write_blocked {
            self.is_write_blocked = result.is_pending();
            self.activity.set_write_blocked(self.is_write_blocked);
        }
        result
    }
}

impl AsyncRead for CoalescingStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.preface.is_taken() {
            buffer.put_slice(self.preface.take(buffer.remaining()));
        }
        // The socket is read at once, because hyper enlarges its buffer for the headers with every read.
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Pending if before > 0 => return Poll::Ready(Ok(())),
            read => ready!(read)?,
        }
        let length = buffer.filled().len() - before;
        Poll::Ready(self.note_read(length))
    }
}

impl AsyncWrite for CoalescingStream {
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [buffer] = buffers {
            return self.poll_write(cx, buffer);
        }
        let length: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        if length > MAX_COALESCED {
            let result = Pin::new(&mut self.stream).poll_write_vectored(cx, buffers);
            return self.note_write(result);
        }
        let mut merged = [0; MAX_COALESCED];
        let mut free = &mut merged[..];
        for buffer in buffers {
            free.put_slice(buffer);
        }
        self.poll_write(cx, &merged[..length])
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buffer);
        self.note_write(result)
    }

    /// Called by HTTP/1 after everything it does.
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
