//! Compiling components. A host built without the feature `compiler` has `no_compiler` in its place.

use std::{env::consts::ARCH, path::Path};

use wasmtime::{Cache, CacheConfig, Config, Engine, Result, component::Component};

/// Keeps what is compiled at a start for the next one.
pub(crate) fn keep_compiled(config: &mut Config) {
    // A read-only or absent home directory costs the cache, not the service.
    match Cache::new(CacheConfig::new()) {
        Ok(cache) => _ = config.cache(Some(cache)),
        Err(error) => tracing::debug!(error = format!("{error:#}"), "no compilation cache"),
    }
}

/// Compiles a component for this very processor.
pub(crate) fn load(engine: &Engine, file: &Path) -> Result<Component> {
    Component::from_file(engine, file)
}

/// Compiles a component for every Linux machine of this architecture: naming the target makes wasmtime leave out what only the
/// processor at hand can do.
pub(crate) fn precompile(mut config: Config, component: &[u8]) -> Result<Vec<u8>> {
    config.target(&format!("{ARCH}-unknown-linux-gnu"))?;
    Engine::new(&config)?.precompile_component(component)
}
