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
    /// What one instance consists of.
    pub(crate) parts: Parts,
}

/// How many linear memories and tables an instance of a component has, those of all its modules together.
#[derive(Clone, Copy)]
pub(crate) struct Parts {
    pub(crate) memories: u32,
    pub(crate) tables: u32,
}

impl Parts {
    /// Enough for a component of one language, which has one or two memories, an adapter or two around them, and a table for each.
    pub(crate) const USUAL: Parts = Parts { memories: 2, tables: 4 };
}

/// Elements of one table; the functions of a large program are some ten thousand.
pub(crate) const MAX_TABLE_ELEMENTS: usize = 100_000;

/// An engine that only loads code, to look at what is in it.
pub(crate) fn for_inspection(wasi: Wasi) -> Result<Engine> {
    Engine::new(&common(wasi))
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

/// Pool of memories, tables and stacks for instances, allocated once: an instance then costs microseconds instead of the mapping of
/// memory. Half the processor time.
fn pool(Limits { instances, memory, parts }: Limits) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    // Where a component is composed of several, a call from one into another takes a stack of its own, and each has a memory.
    let stacks = parts.memories.saturating_add(1).max(2);
    pool.total_memories(instances.saturating_mul(parts.memories))
        .total_tables(instances.saturating_mul(parts.tables))
        .total_stacks(instances.saturating_mul(stacks))
        .table_elements(MAX_TABLE_ELEMENTS)
        // Nothing is allocated for these ahead: how many instances there are is limited by whoever makes them, and what they consist of by
        // the above.
        .total_component_instances(u32::MAX)
        .total_core_instances(u32::MAX)
        .max_core_instances_per_component(u32::MAX)
        .max_memories_per_component(u32::MAX)
        .max_tables_per_component(u32::MAX)
        .max_tables_per_module(u32::MAX)
        // Not more than needed: dropping a module looks for memories of its own as often.
        .max_memories_per_module(parts.memories)
        .max_core_instance_size(MAX_INSTANCE_SIZE)
        .max_component_instance_size(MAX_INSTANCE_SIZE)
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

/// Bytes of wasmtime's own state of an instance: some for each function, global, import and table.
const MAX_INSTANCE_SIZE: usize = 16 << 20;

/// The kernel does not tell of pages that are swapped out, so that one would keep what the last instance has left in it.
fn has_no_swap() -> bool {
    fs::read_to_string("/proc/swaps").is_ok_and(|swaps| swaps.lines().count() <= 1)
}
