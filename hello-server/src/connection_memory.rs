//! Limit on the memory that all connections may hold together: a fraction of the container's, so that clients cannot have the kernel
//! end the process.

use std::{
    fs,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// Bytes that a connection holds without a request: its tasks, and the buffer that it reads into. Measured: 1,000 that have had a
/// request hold less (docs/BENCHMARKS.md).
const CONNECTION: u64 = 16 * 1024;

/// Bytes of the headers of a request that are within `CONNECTION`.
pub(crate) const SMALL_HEAD: u64 = 8 * 1024;

/// The memory limit of the container in bytes, where it has one: of version 2 of control groups, or of version 1, where a machine
/// without a limit has a number beyond every machine's memory.
#[must_use]
pub fn container_memory() -> Option<u64> {
    let files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    files.iter().find_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok())
}

/// Memory for connections, from which they reserve.
pub(crate) struct ConnectionMemory {
    limit: u64,
    free: AtomicU64,
}

impl ConnectionMemory {
    /// A quarter of what the container has, unless a limit is set.
    pub(crate) fn new(limit: Option<u64>) -> Self {
        let limit = limit.unwrap_or_else(|| container_memory().map_or(u64::MAX, |memory| memory / 4));
        // Half of it is for what each connection needs at least, and the other half for those that need more.
        ConnectionMemory { limit, free: AtomicU64::new(limit - limit / 2) }
    }

    /// How many connections there may be at once; at least one.
    pub(crate) fn max_connections(&self) -> u32 {
        u32::try_from(self.limit / 2 / CONNECTION).unwrap_or(u32::MAX).max(1)
    }

    /// Reserves memory beyond that of every connection, where there is enough.
    pub(crate) fn reserve(&'static self, bytes: u64) -> Option<Reservation> {
        self.free.fetch_update(Relaxed, Relaxed, |free| free.checked_sub(bytes)).ok()?;
        Some(Reservation { memory: self, bytes })
    }
}

/// Drop guard: memory that a connection has reserved.
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
    fn what_is_reserved_is_free_again_when_dropped() {
        let memory: &'static _ = Box::leak(Box::new(ConnectionMemory::new(Some(4 << 20))));
        assert_eq!(memory.max_connections(), 128);
        let reserved: Vec<_> = std::iter::from_fn(|| memory.reserve(1 << 20)).collect();
        assert_eq!(reserved.len(), 2);
        drop(reserved);
        assert!(memory.reserve(2 << 20).is_some());
    }

    #[test]
    fn without_memory_there_is_a_connection_still() {
        let memory: &'static _ = Box::leak(Box::new(ConnectionMemory::new(Some(0))));
        assert_eq!(memory.max_connections(), 1);
        assert!(memory.reserve(1).is_none());
    }
}
