//! What HTTP is read from and written to, for `accept`: a TCP connection that sends head and body of a small answer in one piece, and
//! notes when its client has to read before more can be written.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::BufMut;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::progress::Progress;

/// Up to how many bytes are copied together. To walk through a list of buffers, as `writev` does, takes the kernel longer than that:
/// 4 % of a hello. hyper could copy them, too, but would keep room for the largest body of each connection.
const SMALL: usize = 1024;

pub(crate) struct Coalesced {
    stream: TcpStream,
    progress: Arc<Progress>,
    is_full: bool,
}

impl Coalesced {
    pub(crate) fn new(stream: TcpStream, progress: Arc<Progress>) -> Self {
        Coalesced { stream, progress, is_full: false }
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
        Pin::new(&mut self.stream).poll_read(cx, buffer)
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

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
