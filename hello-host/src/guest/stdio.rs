//! Standard output and error of guests, as log lines. Limited are the length of a line, and the bytes per request and per second.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    async_trait,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

use crate::metrics::METRICS;

/// Longer lines are truncated.
const MAX_LINE_BYTES: usize = 4 * 1024;

/// Bytes that an instance may write per request; the rest is dropped and counted. Each line counts as some bytes more.
const MAX_BYTES_PER_REQUEST: u64 = 256 * 1024;

/// Bytes that all instances together may write per second. At this rate a log fills a disk of 100 GB in 100 minutes.
const MAX_BYTES_PER_SECOND: u64 = 16 << 20;

/// Bytes that a guest may write per call. It may call again at once.
const MAX_CALL_BYTES: usize = 256 * 1024;

/// Bytes that the log adds to each line, approximately: time, level, field names.
const LINE_BYTES: u64 = 120;

/// Limit on the output of one instance per request. Clones share the count.
#[derive(Clone, Default)]
pub(super) struct OutputLimit {
    /// Bytes written since the request started.
    written: Arc<AtomicU64>,
}

impl OutputLimit {
    pub(super) fn start_request(&self) {
        self.written.store(0, Relaxed);
    }

    /// Returns whether these bytes may be written; counts them as dropped if not.
    fn allows(&self, bytes: u64) -> bool {
        let is_allowed = add(&self.written, bytes, MAX_BYTES_PER_REQUEST) && PER_SECOND.allows(bytes);
        if !is_allowed {
            METRICS.output_dropped.inc_by(bytes);
        }
        is_allowed
    }
}

/// Adds bytes to a count, and returns whether the count was within the limit before. Logs when this first exceeds the limit.
fn add(count: &AtomicU64, bytes: u64, limit: u64) -> bool {
    let before = count.fetch_add(bytes, Relaxed);
    let is_within = before <= limit;
    if is_within && before + bytes > limit {
        tracing::warn!(target: "guest", limit, "guest output over the limit is dropped");
    }
    is_within
}

/// Limit on the output of all instances per second.
struct RateLimit {
    since: Instant,
    /// Number of the current second, and the bytes written in it.
    second: AtomicU64,
    written: AtomicU64,
}

static PER_SECOND: LazyLock<RateLimit> =
    LazyLock::new(|| RateLimit { since: Instant::now(), second: AtomicU64::new(0), written: AtomicU64::new(0) });

impl RateLimit {
    fn allows(&self, bytes: u64) -> bool {
        let now = self.since.elapsed().as_secs();
        if self.second.swap(now, Relaxed) != now {
            self.written.store(0, Relaxed);
        }
        add(&self.written, bytes, MAX_BYTES_PER_SECOND)
    }
}

/// Output stream of one instance. Clones write to the same line.
#[derive(Clone)]
pub(super) struct GuestOutput {
    stream: &'static str,
    line: Arc<Mutex<Vec<u8>>>,
    limit: OutputLimit,
}

impl GuestOutput {
    pub(super) fn new(stream: &'static str, limit: &OutputLimit) -> Self {
        GuestOutput { stream, line: Arc::default(), limit: limit.clone() }
    }

    fn write(&self, bytes: &[u8]) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        // The limit is checked for each line: one call may write millions.
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ended) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            if self.limit.allows(piece.len() as u64 + if ended { LINE_BYTES } else { 0 }) {
                let space = MAX_LINE_BYTES - line.len();
                line.extend_from_slice(&text[..text.len().min(space)]);
            }
            if ended {
                self.log(&mut line);
            }
        }
    }

    fn log(&self, line: &mut Vec<u8>) {
        if !line.is_empty() {
            // In a field, where control characters are escaped: a guest cannot forge lines of the log.
            tracing::info!(target: "guest", stream = self.stream, output = &*String::from_utf8_lossy(line), "guest output");
            line.clear();
        }
    }
}

/// Logs the last line of an instance, which often does not end in a newline.
impl Drop for GuestOutput {
    fn drop(&mut self) {
        if let Some(line) = Arc::get_mut(&mut self.line) {
            let mut line = std::mem::take(line.get_mut().unwrap_or_else(PoisonError::into_inner));
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
        Ok(MAX_CALL_BYTES)
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
