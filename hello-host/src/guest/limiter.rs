//! Limits on the memories and tables of one instance, and on the memory of all instances together.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use wasmtime::{ResourceLimiter, Result};

use crate::{load::MAX_TABLE_ELEMENTS, metrics::METRICS};

/// Linear memory of all instances together. The gauge `wasm_guest_memory_bytes` follows it.
pub(super) struct TotalMemory {
    max: u64,
    used: AtomicU64,
}

impl TotalMemory {
    pub(super) fn new(max: u64) -> Self {
        TotalMemory { max, used: AtomicU64::new(0) }
    }

    /// Reserves bytes, and returns whether there were enough. Adds first and compares then: two instances that compete for the last bytes
    /// may both fail, but never both succeed.
    fn reserve(&self, bytes: u64) -> bool {
        let is_within = self.used.fetch_add(bytes, Relaxed).saturating_add(bytes) <= self.max;
        if is_within {
            METRICS.memory.add(bytes.cast_signed());
        } else {
            self.used.fetch_sub(bytes, Relaxed);
        }
        is_within
    }

    fn release(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Relaxed);
        METRICS.memory.sub(bytes.cast_signed());
    }
}

/// Limiter of one instance. Drop guard: the instance's memory is released with it.
pub(super) struct Limiter {
    max_memory: u64,
    total: Arc<TotalMemory>,
    /// Bytes of this instance.
    memory: u64,
    /// Bytes of the last growth, which is undone if it fails.
    last_growth: u64,
    /// Whether a growth was refused before; only the first is logged.
    is_logged: bool,
    /// Whether a growth was refused because of the limit on all instances.
    hit_total_limit: bool,
}

impl Limiter {
    pub(super) fn new(max_memory: u64, total: Arc<TotalMemory>) -> Self {
        METRICS.instances.inc();
        Limiter { max_memory, total, memory: 0, last_growth: 0, is_logged: false, hit_total_limit: false }
    }

    pub(super) fn hit_total_limit(&self) -> bool {
        self.hit_total_limit
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        let growth = (desired - current) as u64;
        let exceeded = if self.memory + growth > self.max_memory {
            Some(("an instance", self.max_memory))
        } else if !self.total.reserve(growth) {
            self.hit_total_limit = true;
            Some(("all instances", self.total.max))
        } else {
            None
        };
        self.last_growth = if exceeded.is_none() { growth } else { 0 };
        self.memory += self.last_growth;
        if let Some((of, limit)) = exceeded
            && !mem::replace(&mut self.is_logged, true)
        {
            tracing::warn!(desired = self.memory + growth, of, limit, "guest was refused memory");
        }
        Ok(exceeded.is_none())
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> Result<()> {
        let growth = mem::take(&mut self.last_growth);
        self.memory -= growth;
        self.total.release(growth);
        Ok(())
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        METRICS.instances.dec();
        self.total.release(self.memory);
    }
}
