//! Pool of the guest's instances, last in, first out. An instance is checked out by one request at a time; a new one is created when
//! none is idle.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use wasmtime::Store;
use wasmtime_wasi_http::handler::Proxy;

use super::{state::GuestState, template::GuestTemplate};
use crate::{failure::GuestError, metrics::METRICS};

/// Instance of the component, alone in its store.
struct Instance {
    store: Store<GuestState>,
    proxy: Proxy,
    /// Requests that it has handled.
    requests: usize,
    idle_since: Instant,
    /// Thread that ran it last: the caches of that thread's CPU are warm for it.
    last_thread: ThreadId,
}

/// Instance in use, with its permit.
pub(crate) struct PooledInstance {
    instance: Instance,
    /// Released after the instance is dropped.
    _permit: InstancePermit,
}

impl PooledInstance {
    pub(super) fn split_mut(&mut self) -> (&mut Store<GuestState>, &Proxy) {
        (&mut self.instance.store, &self.instance.proxy)
    }
}

/// Permit to use an instance. There are as many permits as there may be instances: with a permit, either an instance is idle, or one more
/// may be created.
pub(crate) type InstancePermit = OwnedSemaphorePermit;

pub(crate) struct InstancePool {
    template: GuestTemplate,
    permits: Arc<Semaphore>,
    /// Idle instances, in the order of their release.
    idle: Mutex<Vec<Instance>>,
}

impl InstancePool {
    /// Creates the pool with one instance, so that a component that cannot start is found before the service is ready.
    ///
    /// # Errors
    /// One line: why the instance could not be created.
    pub(crate) async fn start(template: GuestTemplate, request_timeout: Duration) -> Result<Arc<Self>, String> {
        let idle_timeout = template.config.idle_instance_timeout;
        let permits = Arc::new(Semaphore::new(template.config.max_instances as usize));
        let pool = Arc::new(InstancePool { template, permits, idle: Mutex::default() });
        let weak = Arc::downgrade(&pool);
        tokio::spawn(async move {
            loop {
                sleep(idle_timeout).await;
                let Some(pool) = weak.upgrade() else { return };
                while pool.evict_idle(idle_timeout) {}
            }
        });
        let permit = pool.permit().await;
        match timeout(request_timeout, pool.acquire(permit)).await {
            Ok(Ok(first)) => pool.store_idle(first),
            Ok(Err(error)) => return Err(format!("the component cannot be instantiated: {error}")),
            Err(_) => return Err(format!("the component took longer than {request_timeout:?} to instantiate")),
        }
        Ok(pool)
    }

    /// Waits for a permit.
    pub(crate) async fn permit(&self) -> InstancePermit {
        self.permits.clone().acquire_owned().await.expect("the semaphore is never closed")
    }

    /// Waits until all permits are free at once: then no guest works any more, not even after its response.
    pub(crate) async fn all_permits(&self) {
        _ = self.permits.acquire_many(self.template.config.max_instances).await;
    }

    /// Checks out an idle instance, or creates one.
    ///
    /// # Errors
    /// An instance could not be created.
    pub(crate) async fn acquire(&self, permit: InstancePermit) -> Result<PooledInstance, GuestError> {
        let instance = match self.take_idle() {
            Some(instance) => instance,
            // Boxed: every future of a request would otherwise reserve space for it.
            None => Box::pin(self.create()).await?,
        };
        Ok(PooledInstance { instance, _permit: permit })
    }

    async fn create(&self) -> Result<Instance, GuestError> {
        let (store, proxy) = self.template.instantiate().await?;
        Ok(Instance { store, proxy, requests: 0, idle_since: Instant::now(), last_thread: thread::current().id() })
    }

    /// Prefers an instance that ran on this thread.
    fn take_idle(&self) -> Option<Instance> {
        let this_thread = thread::current().id();
        let mut idle = self.idle();
        let index =
            idle.iter().rposition(|instance| instance.last_thread == this_thread).or(idle.len().checked_sub(1))?;
        let mut instance = idle.remove(index);
        drop(idle);
        if instance.requests > 0 {
            METRICS.reuses.inc();
        }
        // The engine's clock ticked while it was idle.
        instance.store.set_epoch_deadline(1);
        Some(instance)
    }

    /// Returns an instance to the pool after it has handled a request, or drops it if it may not handle another.
    pub(super) fn release(&self, mut pooled: PooledInstance) {
        pooled.instance.requests += 1;
        if pooled.instance.requests < self.template.reuse_count() {
            self.store_idle(pooled);
        }
    }

    fn store_idle(&self, PooledInstance { mut instance, _permit }: PooledInstance) {
        instance.idle_since = Instant::now();
        instance.last_thread = thread::current().id();
        self.idle().push(instance);
    }

    /// Drops the instance that has been idle the longest, if it was for at least this time. Returns whether there was one.
    fn evict_idle(&self, min_idle_time: Duration) -> bool {
        // Its memory counts until it is dropped, so it needs a permit until then. If none is free, instances are in demand.
        let Ok(_permit) = self.permits.try_acquire() else { return false };
        let mut idle = self.idle();
        if idle.first().is_none_or(|oldest| oldest.idle_since.elapsed() < min_idle_time) {
            return false;
        }
        let instance = idle.remove(0);
        drop(idle);
        drop(instance);
        true
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Instance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
