//! The linked component, from which instances are created.

use std::sync::Arc;

use wasmtime::{Engine, PoolConcurrencyLimitError, Store, component::Component};
use wasmtime_wasi_http::handler::{Proxy, ProxyPre};

use super::{
    config::GuestConfig,
    limiter::{Limiter, TotalMemory},
    linker,
    outbound::Outbound,
    state::{GuestState, MAX_HANDLES},
};
use crate::{failure::GuestError, metrics::METRICS};

/// Bytes that one call of a guest may make the host allocate.
const MAX_HOST_CALL_BYTES: usize = 32 << 20;

/// Template of all instances: the linked component, and the limits and settings that every instance gets.
pub(crate) struct GuestTemplate {
    engine: Engine,
    pre: ProxyPre<GuestState>,
    environment: Arc<[(String, String)]>,
    outbound: Outbound,
    total_memory: Arc<TotalMemory>,
    pub(super) config: GuestConfig,
}

impl GuestTemplate {
    /// Links the component.
    ///
    /// # Errors
    /// One line: what the component imports or exports, and what this host supports.
    pub(crate) fn new(component: &Component, config: GuestConfig) -> Result<Self, String> {
        Ok(GuestTemplate {
            engine: component.engine().clone(),
            pre: linker::link(component)?,
            environment: config.environment().into(),
            outbound: Outbound::new(&config.allowed_outbound_hosts),
            total_memory: Arc::new(TotalMemory::new(config.max_total_memory())),
            config,
        })
    }

    /// `wasi-0.2` or `wasi-0.3`.
    pub(crate) fn runtime(&self) -> &'static str {
        match self.pre {
            ProxyPre::P2(_) => "wasi-0.2",
            ProxyPre::P3(_) => "wasi-0.3",
        }
    }

    /// Number of requests that one instance may handle. A WASI 0.2 instance handles one: the executor of its SDK has state that
    /// outlives a request.
    pub(super) fn reuse_count(&self) -> usize {
        match self.pre {
            ProxyPre::P2(_) => 1,
            ProxyPre::P3(_) => self.config.max_instance_reuse_count as usize,
        }
    }

    /// Creates an instance, alone in its store.
    ///
    /// # Errors
    /// There is not enough memory for it, or its own initialization failed.
    pub(super) async fn instantiate(&self) -> Result<(Store<GuestState>, Proxy), GuestError> {
        let limiter = Limiter::new(self.config.max_memory_size, self.total_memory.clone());
        let state = GuestState::new(self.environment.clone(), self.outbound.clone(), limiter);
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(MAX_HOST_CALL_BYTES);
        store.set_max_component_handles(MAX_HANDLES);
        // At every tick of the engine's clock the guest yields to other tasks. The task that polls it checks its deadline.
        store.epoch_deadline_async_yield_and_update(1);
        store.set_epoch_deadline(1);
        match self.pre.instantiate_async(&mut store).await {
            Ok(proxy) => {
                METRICS.instantiations.inc();
                Ok((store, proxy))
            }
            Err(error) if store.data().limiter.hit_total_limit() || error.is::<PoolConcurrencyLimitError>() => {
                Err(GuestError::OutOfMemory(error))
            }
            Err(error) => Err(GuestError::Instantiate(error)),
        }
    }
}
