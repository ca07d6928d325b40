//! Limit on the memory of all connections together: a fraction of the container's, so that clients cannot make the kernel kill the
//! process.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::config::container_memory;

/// Bytes of a connection without a request: its tasks, and its read buffer. Measured: 1,000 connections that have had a request use less
/// (docs/BENCHMARKS.md).
const CONNECTION: u64 = 16 * 1024;

/// Headers of a request up to this size, in bytes, are part of `CONNECTION`.
pub(crate) const SMALL_HEAD: u64 = 8 * 1024;

/// Memory for all connections.
pub(crate) struct ConnectionMemory {
    limit: u64,
    free: AtomicU64,
}

impl ConnectionMemory {
    /// By default a quarter of the container's memory limit.
    pub(crate) fn new(limit: Option<u64>) -> Self {
        let limit = limit.unwrap_or_else(|| container_memory().map_or(u64::MAX, |memory| memory / 4));
        // One half is for the minimum that each connection needs, the other half for connections that need more.
        ConnectionMemory { limit, free: AtomicU64::new(limit - limit / 2) }
    }

    /// Maximum number of connections, at least one.
    pub(crate) fn max_connections(&self) -> u32 {
        u32::try_from(self.limit / 2 / CONNECTION).unwrap_or(u32::MAX).max(1)
    }

    /// Reserves memory beyond the minimum of a connection, if there is enough.
    pub(crate) fn reserve(&'static self, bytes: u64) -> Option<Reservation> {
        self.free.fetch_update(Relaxed, Relaxed, |free| free.checked_sub(bytes)).ok()?;
        Some(Reservation { memory: self, bytes })
    }
}

/// Drop guard: memory reserved by a connection.
pub(crate) struct Reservation {
    memory: &'static ConnectionMemory,
    bytes: u64,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.memory.free.fetch_add(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservation_is_released_when_dropped() {
        let memory: &'static _ = Box::leak(Box::new(ConnectionMemory::new(Some(4 << 20))));
        assert_eq!(memory.max_connections(), 128);
        let reserved: Vec<_> = std::iter::from_fn(|| memory.reserve(1 << 20)).collect();
        assert_eq!(reserved.len(), 2);
        drop(reserved);
        assert!(memory.reserve(2 << 20).is_some());
    }

    #[test]
    fn limit_of_zero_allows_one_connection() {
        let memory: &'static _ = Box::leak(Box::new(ConnectionMemory::new(Some(0))));
        assert_eq!(memory.max_connections(), 1);
        assert!(memory.reserve(1).is_none());
    }
}
