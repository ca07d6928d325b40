//! Permits for requests in flight. The count is an atomic here, and the gauge `http_requests_in_flight` follows it.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

static IN_FLIGHT: AtomicU32 = AtomicU32::new(0);

/// Number of requests in flight.
pub(crate) fn requests_in_flight() -> u32 {
    IN_FLIGHT.load(Relaxed)
}

/// Permit from a counter with a maximum. Drop guard: the permit is released with it.
pub(super) struct Permit(&'static AtomicU32);

impl Permit {
    /// Acquires a permit for one more request in flight, if fewer than `max` are.
    pub(super) fn for_request(max: u32) -> Option<Self> {
        Permit::from_counter(&IN_FLIGHT, max)
    }

    pub(super) fn from_counter(counter: &'static AtomicU32, max: u32) -> Option<Self> {
        counter.fetch_update(Relaxed, Relaxed, |count| (count < max).then_some(count + 1)).ok()?;
        Some(Permit(counter))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
