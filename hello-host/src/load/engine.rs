//! Settings of wasmtime, each with its reason, and its effect on the CPU time of GET / with WASI 0.2 while both CPUs are busy.

use std::{fs, thread, time::Duration};

use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig, Result};

/// Interval at which a running guest is interrupted, so that others can run, and its deadline is checked.
const EPOCH_TICK: Duration = Duration::from_millis(10);

/// Version of WASI that a component was built for. The engine depends on it.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Wasi {
    P2,
    P3,
}

/// Prefixes of the names of the handlers that a component may export.
pub(crate) const P2_HANDLER: &str = "wasi:http/incoming-handler@0.2.";
pub(crate) const P3_HANDLER: &str = "wasi:http/handler@0.3.";

/// Limits on all instances together.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Instances at the same time.
    pub(crate) instances: u32,
    /// Linear memory of one instance, in bytes.
    pub(crate) memory: u64,
    /// Parts of one instance.
    pub(crate) parts: Parts,
}

/// Numbers of linear memories and tables of one instance of a component, those of all its modules together.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Parts {
    pub(crate) memories: u32,
    pub(crate) tables: u32,
}

impl Parts {
    /// Enough for a component of one language, which has one or two memories, an adapter or two around them, and a table for each.
    pub(crate) const USUAL: Parts = Parts { memories: 2, tables: 4 };
}

/// Maximum number of elements of one table. A large program has some ten thousand functions, each an element.
pub(crate) const MAX_TABLE_ELEMENTS: usize = 100_000;

/// Bytes of wasmtime's own state of an instance: some for each function, global, import and table.
const MAX_INSTANCE_SIZE: usize = 16 << 20;

/// Creates the engine to serve with. Its clock, which interrupts guests, ticks until the process ends.
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

/// Returns the settings on which compiled code depends, and which `compile` and `serve` must have in common.
pub(crate) fn common(wasi: Wasi) -> Config {
    let mut config = Config::new();
    // WASI 0.3 needs it. With WASI 0.2 every call of the host would be slower: a tenth of the CPU time.
    config.wasm_component_model_async(wasi == Wasi::P3).concurrency_support(wasi == Wasi::P3);
    // Without it a guest that loops would never release its thread. 6 % of the CPU time.
    config.epoch_interruption(true);
    config
}

/// Returns the settings of a pool of memories, tables and stacks for instances, which is allocated once. Creating an instance then takes
/// microseconds; without the pool memory is mapped for each. Saves half of the CPU time.
fn pool(Limits { instances, memory, parts }: Limits) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    // In a component composed of several, a call from one into another needs a stack of its own, and each has a memory.
    let stacks = parts.memories.saturating_add(1).max(2);
    pool.total_memories(instances.saturating_mul(parts.memories))
        .total_tables(instances.saturating_mul(parts.tables))
        .total_stacks(instances.saturating_mul(stacks))
        .table_elements(MAX_TABLE_ELEMENTS)
        // Nothing is allocated in advance for these: `InstancePool` limits how many instances there are, and the numbers above limit
        // their parts.
        .total_component_instances(u32::MAX)
        .total_core_instances(u32::MAX)
        .max_core_instances_per_component(u32::MAX)
        .max_memories_per_component(u32::MAX)
        .max_tables_per_component(u32::MAX)
        .max_tables_per_module(u32::MAX)
        // As low as possible: dropping a module searches that many slots for its memories.
        .max_memories_per_module(parts.memories)
        .max_core_instance_size(MAX_INSTANCE_SIZE)
        .max_component_instance_size(MAX_INSTANCE_SIZE)
        .max_memory_size(usize::try_from(memory).unwrap_or(usize::MAX))
        // Pages that a small guest wrote to are zeroed. Returned to the kernel instead, they would interrupt the other CPUs each time.
        // Saves half of the CPU time.
        .linear_memory_keep_resident(2 << 20)
        .table_keep_resident(64 << 10);
    // Finds the pages that were written to, and zeroes only those. Saves a sixth of the CPU time.
    if has_no_swap() {
        pool.pagemap_scan(Enabled::Auto);
    }
    pool
}

/// Whether pages are never swapped out. `PAGEMAP_SCAN` does not report swapped-out pages, so that data of the last instance would remain.
fn has_no_swap() -> bool {
    fs::read_to_string("/proc/swaps").is_ok_and(|swaps| swaps.lines().count() <= 1)
}
