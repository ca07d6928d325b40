//! Whether the service is ready for traffic: the state behind `/readyz`.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Three flags. The service is ready when it has started, does not drain, and has not been disabled.
#[derive(Default)]
pub(crate) struct Readiness {
    has_started: AtomicBool,
    is_draining: AtomicBool,
    is_disabled: AtomicBool,
}

impl Readiness {
    pub(crate) fn start(&self) {
        self.has_started.store(true, Relaxed);
    }

    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Relaxed)
    }

    pub(crate) fn set_disabled(&self, is_disabled: bool) {
        self.is_disabled.store(is_disabled, Relaxed);
    }

    /// Returns `Ok` if the service is ready, or else the reason in one word.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.is_draining() {
            Err("draining")
        } else if self.is_disabled.load(Relaxed) {
            Err("disabled")
        } else if self.has_started.load(Relaxed) {
            Ok(())
        } else {
            Err("starting")
        }
    }
}
