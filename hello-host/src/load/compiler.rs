//! Compiles components. A host built without the feature `compiler` has `compiler_stub` instead.

use std::env::consts::ARCH;

use wasmparser::{Parser, Payload};
#[cfg(feature = "cache")]
use wasmtime::{Cache, CacheConfig};
use wasmtime::{Engine, Result, component::Component};

use super::engine::{self, Wasi};

/// Compiles a component for this CPU, or loads what an earlier start compiled. Wasmtime keeps that in the user's cache folder
/// (`~/.cache/wasmtime`); where that cannot be written, each start compiles.
pub(crate) fn compile(component: &[u8], wasi: Wasi) -> Result<Component> {
    #[cfg_attr(not(feature = "cache"), allow(unused_mut))]
    let mut config = engine::common(wasi);
    #[cfg(feature = "cache")]
    let cache = Cache::new(CacheConfig::new())
        .inspect(|cache| _ = config.cache(Some(cache.clone())))
        .inspect_err(|error| tracing::debug!(%error, "compiled code is not cached"));
    let component = Component::new(&Engine::new(&config)?, component)?;
    #[cfg(feature = "cache")]
    if let Ok(cache) = cache {
        let is_cached = cache.cache_hits() > 0;
        tracing::debug!(folder = %cache.directory().display(), from_cache = is_cached, "component compiled");
    }
    Ok(component)
}

/// Compiles a component for every Linux machine of this architecture. Because the target is named, wasmtime does not use the features of
/// this machine's CPU.
pub(crate) fn precompile(component: &[u8]) -> Result<Vec<u8>> {
    let mut config = engine::common(detect_wasi(component)?);
    config.target(&format!("{ARCH}-unknown-linux-gnu"))?;
    Engine::new(&config)?.precompile_component(component)
}

/// Returns the WASI of the handler that a component exports; the engine depends on it. For a component without a handler any will do:
/// linking reports the error.
pub(crate) fn detect_wasi(component: &[u8]) -> Result<Wasi> {
    let mut depth = 0;
    let mut wasi = Wasi::P3;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentExportSection(exports) if depth == 0 => {
                for export in exports {
                    let name = export?.name.name;
                    if name.starts_with(engine::P3_HANDLER) {
                        return Ok(Wasi::P3);
                    }
                    if name.starts_with(engine::P2_HANDLER) {
                        wasi = Wasi::P2;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(wasi)
}
