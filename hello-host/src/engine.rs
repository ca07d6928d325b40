//! How guest code is compiled and run: the one place for the engine's settings, each with its reason, and what it does for GET / with
//! WASI 0.2, both processors busy.

use std::{fs, thread, time::Duration};

use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig, Result};

/// How often a running guest is interrupted, to see whether its time is up and to let others run.
const EPOCH_TICK: Duration = Duration::from_millis(10);

/// The WASI that a component is made for, and with it the engine.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Wasi {
    P2,
    P3,
}

/// How the names of the handlers begin that a component may export.
pub(crate) const P2_HANDLER: &str = "wasi:http/incoming-handler@0.2.";
pub(crate) const P3_HANDLER: &str = "wasi:http/handler@0.3.";

/// What all instances together may use.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Instances at once.
    pub(crate) instances: u32,
    /// Linear memory of one instance, in bytes.
    pub(crate) memory: u64,
}

/// An engine whose code can be served. Its clock, which bounds the time of guests, ticks until the process ends.
pub(crate) fn for_serving(wasi: Wasi, limits: Limits) -> Result<Engine> {
    let mut config = common(wasi);
    config.allocation_strategy(pool(limits));
    let engine = Engine::new(&config)?;
    let clock = engine.weak();
    let tick = move || {
        while let Some(engine) = clock.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(EPOCH_TICK);
        }
    };
    thread::Builder::new().name("epoch".into()).spawn(tick)?;
    Ok(engine)
}

/// What compiled code depends on, and so what `compile` and `serve` must agree on.
pub(crate) fn common(wasi: Wasi) -> Config {
    let mut config = Config::new();
    // WASI 0.3 is built on it. WASI 0.2 would pay for it with every call of the host: a tenth of its processor time.
    config.wasm_component_model_async(wasi == Wasi::P3).concurrency_support(wasi == Wasi::P3);
    // Without it a guest that loops would hold its thread for ever. Takes 6 % of the processor time.
    config.epoch_interruption(true);
    config
}

/// Places for instances, made once: an instance then costs microseconds instead of the mapping of memory. Half the processor time.
fn pool(Limits { instances, memory }: Limits) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    // A component of one language has one or two memories, an adapter or two around them, and a table for each.
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(4))
        .total_memories(instances.saturating_mul(2))
        .total_tables(instances.saturating_mul(4))
        // One stack runs the guest, one more may wait in a call of the component model.
        .total_stacks(instances.saturating_mul(2))
        .max_memory_size(usize::try_from(memory).unwrap_or(usize::MAX))
        // What a small guest touches is zeroed, not given back to the kernel, which would interrupt the other processors each time:
        // half the processor time for either.
        .linear_memory_keep_resident(2 << 20)
        .table_keep_resident(64 << 10);
    // Finds the pages that were written to, instead of overwriting all that are kept. A sixth of the processor time.
    if has_no_swap() {
        pool.pagemap_scan(Enabled::Auto);
    }
    pool
}

/// The kernel does not tell of pages that are swapped out, so that one would keep what the last instance has left in it.
fn has_no_swap() -> bool {
    fs::read_to_string("/proc/swaps").is_ok_and(|swaps| swaps.lines().count() <= 1)
}
