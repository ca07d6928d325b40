//! The instances of the guest, each lent to one request at a time: the last one used first, a new one where all are lent.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use wasmtime::Store;
use wasmtime_wasi_http::handler::Proxy;

use crate::{
    guest::{Guest, State},
    run::Failed,
};

/// An instance of the component, alone in its store.
pub(crate) struct Instance {
    pub(crate) store: Store<State>,
    pub(crate) proxy: Proxy,
    answered: usize,
    idle_since: Instant,
    _place: OwnedSemaphorePermit,
}

pub(crate) struct Instances {
    guest: Guest,
    places: Arc<Semaphore>,
    /// In the order in which they came back.
    idle: Mutex<Vec<Instance>>,
}

impl Instances {
    /// None yet, and never more than so many.
    pub(crate) fn new(guest: Guest, max_instances: u32) -> Arc<Self> {
        let idle_timeout = guest.config.idle_instance_timeout;
        let places = Arc::new(Semaphore::new(max_instances as usize));
        let instances = Arc::new(Instances { guest, places, idle: Mutex::default() });
        let watched = Arc::downgrade(&instances);
        tokio::spawn(async move {
            loop {
                sleep(idle_timeout).await;
                let Some(instances) = watched.upgrade() else { return };
                drop(instances.take_idle_for(idle_timeout));
            }
        });
        instances
    }

    /// An instance that is idle, or else a new one.
    pub(crate) async fn take(&self) -> Result<Instance, Failed> {
        let idle = self.idle().pop();
        if let Some(mut instance) = idle {
            // The clock has ticked while it was idle.
            instance.store.set_epoch_deadline(1);
            return Ok(instance);
        }
        let place = self.places.clone().try_acquire_owned().map_err(|_| Failed::NoPlace)?;
        let (store, proxy) = self.guest.instantiate().await.map_err(Failed::Start)?;
        Ok(Instance { store, proxy, answered: 0, idle_since: Instant::now(), _place: place })
    }

    /// Takes an instance back that has answered a request, to the last thing that it had to do for it.
    pub(crate) fn put_back(&self, mut instance: Instance) {
        instance.answered += 1;
        if instance.answered < self.guest.reuse_count() {
            self.keep(instance);
        }
    }

    /// Keeps an instance for the next request.
    pub(crate) fn keep(&self, mut instance: Instance) {
        instance.idle_since = Instant::now();
        self.idle().push(instance);
    }

    fn take_idle_for(&self, time: Duration) -> Vec<Instance> {
        let mut idle = self.idle();
        let long_idle = idle.partition_point(|instance| instance.idle_since.elapsed() >= time);
        idle.drain(..long_idle).collect()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Instance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
