//! What guests write to standard output and error: log lines, each of bounded length, and so many of them.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    async_trait,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

/// A longer line is cut.
const MAX_LINE_BYTES: usize = 4 * 1024;

/// What one instance may write in its life; the rest is dropped, and a line says so. An empty line counts, too.
const MAX_BYTES: usize = 256 * 1024;

/// What the log adds to each line, in about.
const LINE_BYTES: usize = 120;

/// One output of one instance. Clones write to the same place.
#[derive(Clone)]
pub(crate) struct GuestOutput {
    stream: &'static str,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    line: Vec<u8>,
    written: usize,
}

impl GuestOutput {
    pub(crate) fn new(stream: &'static str) -> Self {
        GuestOutput { stream, state: Arc::default() }
    }

    fn write(&self, bytes: &[u8]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // One call may have millions of lines.
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if state.written > MAX_BYTES {
                return;
            }
            let (text, ended) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            state.written += piece.len() + if ended { LINE_BYTES } else { 0 };
            let space = MAX_LINE_BYTES - state.line.len();
            state.line.extend_from_slice(&text[..text.len().min(space)]);
            if ended {
                self.log(&mut state.line);
            }
            if state.written > MAX_BYTES {
                self.log(&mut state.line);
                tracing::warn!(target: "guest", stream = self.stream, limit = MAX_BYTES, "guest output over the limit is dropped");
            }
        }
    }

    fn log(&self, line: &mut Vec<u8>) {
        if !line.is_empty() {
            // In a field, where control characters are escaped, so that no line can be forged.
            tracing::info!(target: "guest", stream = self.stream, output = &*String::from_utf8_lossy(line), "guest output");
            line.clear();
        }
    }
}

/// The last line of an instance often lacks its end.
impl Drop for GuestOutput {
    fn drop(&mut self) {
        if let Some(state) = Arc::get_mut(&mut self.state) {
            let mut line = std::mem::take(&mut state.get_mut().unwrap_or_else(PoisonError::into_inner).line);
            self.log(&mut line);
        }
    }
}

impl StdoutStream for GuestOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl IsTerminal for GuestOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

#[async_trait]
impl Pollable for GuestOutput {
    async fn ready(&mut self) {}
}

impl OutputStream for GuestOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        GuestOutput::write(self, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_BYTES)
    }
}

impl AsyncWrite for GuestOutput {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        GuestOutput::write(&self, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
