//! The instances of the guest, each lent to one request at a time: the last one used first, a new one where all are lent.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
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
    metrics::METRICS,
    run::Failed,
};

/// An instance of the component, alone in its store.
struct Instance {
    store: Store<State>,
    proxy: Proxy,
    answered: usize,
    idle_since: Instant,
    /// Whose processor has it in its caches.
    last_ran_on: ThreadId,
}

/// An instance in use, and the place that it takes.
pub(crate) struct Lent {
    instance: Instance,
    /// Free when the instance has gone.
    _place: Place,
}

impl Lent {
    pub(crate) fn parts(&mut self) -> (&mut Store<State>, &Proxy) {
        (&mut self.instance.store, &self.instance.proxy)
    }
}

/// The right to use an instance. There are as many as may be alive: a new one is made only where none is idle, and so all are in use.
pub(crate) type Place = OwnedSemaphorePermit;

pub(crate) struct Instances {
    guest: Guest,
    places: Arc<Semaphore>,
    /// In the order in which they came back.
    idle: Mutex<Vec<Instance>>,
}

impl Instances {
    /// None yet.
    pub(crate) fn new(guest: Guest) -> Arc<Self> {
        let idle_timeout = guest.config.idle_instance_timeout;
        let places = Arc::new(Semaphore::new(guest.config.max_instances as usize));
        let instances = Arc::new(Instances { guest, places, idle: Mutex::default() });
        let watched = Arc::downgrade(&instances);
        tokio::spawn(async move {
            loop {
                sleep(idle_timeout).await;
                let Some(instances) = watched.upgrade() else { return };
                while instances.drop_one_idle_for(idle_timeout) {}
            }
        });
        instances
    }

    /// Waits for a place.
    pub(crate) async fn place(&self) -> Place {
        self.places.clone().acquire_owned().await.expect("the semaphore is never closed")
    }

    /// Waits until all places are free at once.
    pub(crate) async fn all_places(&self) {
        _ = self.places.acquire_many(self.guest.config.max_instances).await;
    }

    /// An instance that is idle, or else a new one.
    ///
    /// # Errors
    /// An instance could not be made.
    pub(crate) async fn take(&self, place: Place) -> Result<Lent, Failed> {
        let instance = match self.take_idle() {
            Some(instance) => instance,
            // On the heap, as every request that finds an instance would carry the room for it.
            None => Box::pin(self.make()).await?,
        };
        Ok(Lent { instance, _place: place })
    }

    async fn make(&self) -> Result<Instance, Failed> {
        let (store, proxy) = self.guest.instantiate().await?;
        Ok(Instance { store, proxy, answered: 0, idle_since: Instant::now(), last_ran_on: thread::current().id() })
    }

    /// One that has run on this thread, or else any.
    fn take_idle(&self) -> Option<Instance> {
        let here = thread::current().id();
        let mut idle = self.idle();
        let index = idle.iter().rposition(|instance| instance.last_ran_on == here).or(idle.len().checked_sub(1))?;
        let mut instance = idle.remove(index);
        drop(idle);
        if instance.answered > 0 {
            METRICS.reuses.inc();
        }
        // The clock has ticked while it was idle.
        instance.store.set_epoch_deadline(1);
        Some(instance)
    }

    /// Takes an instance back that has answered a request, to the last thing that it had to do for it.
    pub(crate) fn put_back(&self, mut lent: Lent) {
        lent.instance.answered += 1;
        if lent.instance.answered < self.guest.reuse_count() {
            self.keep(lent);
        }
    }

    /// Keeps an instance for the next request.
    pub(crate) fn keep(&self, Lent { mut instance, _place }: Lent) {
        instance.idle_since = Instant::now();
        instance.last_ran_on = thread::current().id();
        self.idle().push(instance);
    }

    /// Lets go of the instance that has been idle the longest, if that is long enough. Gives whether there was one.
    fn drop_one_idle_for(&self, time: Duration) -> bool {
        // It takes a place until it has gone. Without one to spare, instances are wanted.
        let Ok(_place) = self.places.try_acquire() else { return false };
        let mut idle = self.idle();
        if idle.first().is_none_or(|oldest| oldest.idle_since.elapsed() < time) {
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
