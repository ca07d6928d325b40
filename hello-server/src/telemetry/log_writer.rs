//! Background log writer: a thread writes lines to standard error in batches, so that requests never block on it.

use std::{
    io::{self, Write},
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// Limit on the queue in bytes. Further lines are dropped and counted.
const MAX_QUEUE_BYTES: usize = 1 << 20;

/// Interval between two batches. The first line after a pause is written at once.
const FLUSH_INTERVAL: Duration = Duration::from_millis(5);

/// Longest time that the end of the process waits until all lines are written.
const SHUTDOWN_FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

static QUEUE: Mutex<Queue> = Mutex::new(Queue { bytes: Vec::new(), dropped: 0, is_writer_idle: false });
static NOT_EMPTY: Condvar = Condvar::new();
static ALL_WRITTEN: Condvar = Condvar::new();

struct Queue {
    bytes: Vec<u8>,
    dropped: u64,
    is_writer_idle: bool,
}

/// Writer for lines of the log; each call writes a whole line.
#[derive(Clone, Copy)]
pub(super) struct LogWriter;

impl LogWriter {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<Self> {
        thread::Builder::new().name("log".to_owned()).spawn(write_batches)?;
        Ok(LogWriter)
    }
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut queue = queue();
        if queue.bytes.len() + line.len() > MAX_QUEUE_BYTES {
            queue.dropped += 1;
        } else {
            queue.bytes.extend_from_slice(line);
            if mem::take(&mut queue.is_writer_idle) {
                NOT_EMPTY.notify_one();
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Waits until all lines are written, or for [`SHUTDOWN_FLUSH_TIMEOUT`].
pub(crate) fn flush() {
    let is_busy = |queue: &mut Queue| !queue.bytes.is_empty() || !queue.is_writer_idle;
    drop(ALL_WRITTEN.wait_timeout_while(queue(), SHUTDOWN_FLUSH_TIMEOUT, is_busy));
}

fn write_batches() {
    let mut batch = Vec::new();
    loop {
        let mut queue = queue();
        while queue.bytes.is_empty() {
            queue.is_writer_idle = true;
            ALL_WRITTEN.notify_all();
            queue = NOT_EMPTY.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.is_writer_idle = false;
        batch.clear();
        mem::swap(&mut batch, &mut queue.bytes);
        let dropped = mem::take(&mut queue.dropped);
        drop(queue);
        // There is no other place to report that standard error cannot be written.
        _ = io::stderr().write_all(&batch);
        if dropped > 0 {
            tracing::warn!(lines = dropped, "log lines dropped: standard error is read too slowly");
        }
        thread::sleep(FLUSH_INTERVAL);
    }
}

fn queue() -> MutexGuard<'static, Queue> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}
