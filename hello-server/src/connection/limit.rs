//! Limit on the number of connections.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::telemetry::METRICS;

/// Limit on connections. Clones share it.
#[derive(Clone)]
pub(crate) struct ConnectionLimit {
    max: u32,
    permits: Arc<Semaphore>,
}

impl ConnectionLimit {
    pub(crate) fn new(max: u32) -> Self {
        ConnectionLimit { max, permits: Arc::new(Semaphore::new(max as usize)) }
    }

    /// Waits for a permit for one more connection.
    pub(super) async fn permit(&self) -> OwnedSemaphorePermit {
        self.permits.clone().acquire_owned().await.expect("the semaphore is never closed")
    }

    /// Waits until no connection is left.
    pub(crate) async fn all_closed(&self) {
        _ = self.permits.acquire_many(self.max).await;
    }
}

/// Drop guard of one connection: its permit, and its part of the gauge.
pub(super) struct ConnectionGuard {
    _permit: OwnedSemaphorePermit,
}

impl ConnectionGuard {
    pub(super) fn new(permit: OwnedSemaphorePermit) -> Self {
        METRICS.connections.inc();
        ConnectionGuard { _permit: permit }
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        METRICS.connections.dec();
    }
}
