//! What HTTP is read from and written to, for `accept`: a TCP connection that sends head and body of a small answer in one piece.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::BufMut;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// Up to how many bytes are copied together. To walk through a list of buffers, as `writev` does, takes the kernel longer than that:
/// 4 % of a hello. hyper could copy them, too, but would keep room for the largest body of each connection.
const SMALL: usize = 1024;

pub(crate) struct Coalesced(pub(crate) TcpStream);

impl AsyncRead for Coalesced {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Coalesced {
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        if length > SMALL {
            return Pin::new(&mut self.0).poll_write_vectored(cx, buffers);
        }
        let mut whole = [0; SMALL];
        let mut room = &mut whole[..];
        for buffer in buffers {
            room.put_slice(buffer);
        }
        Pin::new(&mut self.0).poll_write(cx, &whole[..length])
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
