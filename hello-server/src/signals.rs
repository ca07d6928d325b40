//! SIGTERM and SIGINT as one stream: the first asks the server to drain, the second to stop at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What Ctrl-C sends.
pub(crate) const INTERRUPT: &str = "SIGINT";

pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From here on the process no longer dies of these signals.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one and gives its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => INTERRUPT,
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
