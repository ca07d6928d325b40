//! Where log lines wait until a thread of their own writes them, many at once: a request waits neither for the kernel nor for
//! whoever reads standard error.

use std::{
    io::{self, Write},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// Bytes that may wait. Where nobody reads them, further lines are lost, and counted.
const MAX_WAITING: usize = 1 << 20;

/// How long lines gather after some were written. The first one after a pause is written at once.
const GATHER: Duration = Duration::from_millis(5);

/// How long the end of the process waits for whoever reads.
const LAST_LINES: Duration = Duration::from_secs(1);

static WAITING: Mutex<Waiting> = Mutex::new(Waiting { bytes: Vec::new(), lost: 0, is_writer_idle: false });
static IS_SOMETHING_WAITING: Condvar = Condvar::new();
static IS_ALL_WRITTEN: Condvar = Condvar::new();

struct Waiting {
    bytes: Vec<u8>,
    lost: u64,
    is_writer_idle: bool,
}

/// Takes whole lines, one a call.
#[derive(Clone, Copy)]
pub(crate) struct Lines;

impl Lines {
    /// Starts the thread that writes.
    pub(crate) fn start() -> io::Result<Self> {
        thread::Builder::new().name("log".to_owned()).spawn(write_all)?;
        Ok(Lines)
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes a whole line.
pub(crate) fn push(line: &[u8]) {
    let mut waiting = lock();
    if waiting.bytes.len() + line.len() > MAX_WAITING {
        waiting.lost += 1;
        return;
    }
    waiting.bytes.extend_from_slice(line);
    if std::mem::take(&mut waiting.is_writer_idle) {
        IS_SOMETHING_WAITING.notify_one();
    }
}

/// Waits until all lines are written, or nobody reads them.
pub(crate) fn flush() {
    let is_busy = |waiting: &mut Waiting| !waiting.bytes.is_empty() || !waiting.is_writer_idle;
    drop(IS_ALL_WRITTEN.wait_timeout_while(lock(), LAST_LINES, is_busy));
}

fn write_all() {
    let mut batch = Vec::new();
    loop {
        let mut waiting = lock();
        while waiting.bytes.is_empty() {
            waiting.is_writer_idle = true;
            IS_ALL_WRITTEN.notify_all();
            waiting = IS_SOMETHING_WAITING.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.is_writer_idle = false;
        batch.clear();
        std::mem::swap(&mut batch, &mut waiting.bytes);
        let lost = std::mem::take(&mut waiting.lost);
        drop(waiting);
        // There is no other place to say that standard error cannot be written to.
        _ = io::stderr().write_all(&batch);
        if lost > 0 {
            tracing::warn!(lines = lost, "log lines were lost: they came faster than they are read");
        }
        thread::sleep(GATHER);
    }
}

fn lock() -> MutexGuard<'static, Waiting> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}
