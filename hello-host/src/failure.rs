//! Why a guest failed: one error, counted by its reason and logged in one line.

use std::fmt;

use wasmtime::PoolConcurrencyLimitError;

use crate::{
    error_line::one_line,
    metrics::{FailureReason, METRICS},
};

/// Why a guest did not respond, or did not complete its response.
pub(crate) enum GuestError {
    /// An instance could not be created, because all instances together use all memory that they may have.
    OutOfMemory(wasmtime::Error),
    /// An instance could not be created.
    Instantiate(wasmtime::Error),
    /// The guest trapped: a panic, too much memory or stack, an unreachable instruction.
    Trap(wasmtime::Error),
    /// The guest returned an error instead of a response.
    ErrorResponse(wasmtime::Error),
    /// The guest's response did not start, or stalled, within the request timeout.
    Timeout,
}

impl GuestError {
    /// Returns the failure of a guest that ended with this error. An instance that needs more of wasmtime's pool than is reserved for it
    /// finds the pool full.
    pub(crate) fn from_call(error: wasmtime::Error) -> Self {
        if error.is::<PoolConcurrencyLimitError>() { GuestError::OutOfMemory(error) } else { GuestError::Trap(error) }
    }

    /// Counts and logs the failure.
    pub(crate) fn report(&self) {
        let (reason, message) = match self {
            GuestError::OutOfMemory(_) | GuestError::Instantiate(_) => {
                (FailureReason::Instantiation, "guest could not be instantiated")
            }
            GuestError::Trap(_) => (FailureReason::Trap, "guest trapped"),
            GuestError::ErrorResponse(_) => (FailureReason::Error, "guest returned an error"),
            GuestError::Timeout => (FailureReason::Timeout, "guest timed out"),
        };
        METRICS.count_failure(reason);
        tracing::warn!(error = %self, "{message}");
    }
}

impl fmt::Display for GuestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GuestError::OutOfMemory(error)
            | GuestError::Instantiate(error)
            | GuestError::Trap(error)
            | GuestError::ErrorResponse(error) => f.write_str(&one_line(error)),
            GuestError::Timeout => f.write_str("the response did not start, or stalled, within the request timeout"),
        }
    }
}

/// Counts and logs a guest that is stopped while it works after its response.
pub(crate) fn report_background_timeout() {
    METRICS.count_failure(FailureReason::BackgroundTimeout);
    tracing::warn!("guest timed out: its work after the response took longer than the request timeout");
}
