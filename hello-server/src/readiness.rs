//! Whether the service wants traffic: what `/readyz` answers.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Three latches; the service is ready when it has started, is not draining and nobody has disabled it.
#[derive(Default)]
pub(crate) struct Readiness {
    started: AtomicBool,
    draining: AtomicBool,
    disabled: AtomicBool,
}

impl Readiness {
    pub(crate) fn start(&self) {
        self.started.store(true, Relaxed);
    }

    pub(crate) fn drain(&self) {
        self.draining.store(true, Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }

    pub(crate) fn set_disabled(&self, disabled: bool) {
        self.disabled.store(disabled, Relaxed);
    }

    /// Why the service wants no traffic, or `Ok`.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.is_draining() {
            Err("draining")
        } else if self.disabled.load(Relaxed) {
            Err("disabled")
        } else if self.started.load(Relaxed) {
            Ok(())
        } else {
            Err("starting")
        }
    }
}
