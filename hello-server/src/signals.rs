//! SIGTERM and SIGINT as one stream: the first asks the server to drain, the second to exit at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signal of Ctrl-C.
pub(crate) const INTERRUPT: &str = "SIGINT";

pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Registers for both signals, which from then on do not end the process by themselves.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next signal, and returns its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => INTERRUPT,
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
