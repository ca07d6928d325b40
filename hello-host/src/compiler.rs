//! Compiling components. A host built without the feature `compiler` has `no_compiler` in its place.

use std::env::consts::ARCH;

use wasmparser::{Parser, Payload};
use wasmtime::{Engine, Result};

use crate::engine::{self, Wasi};

/// Compiles a component for every Linux machine of this architecture: naming the target makes wasmtime leave out what only the
/// processor at hand can do.
pub(crate) fn precompile(component: &[u8]) -> Result<Vec<u8>> {
    let mut config = engine::common(wasi_of(component)?);
    config.target(&format!("{ARCH}-unknown-linux-gnu"))?;
    Engine::new(&config)?.precompile_component(component)
}

/// Looks for the handler among the exports of a component, before there is an engine to load it. Where there is none, linking says so.
pub(crate) fn wasi_of(component: &[u8]) -> Result<Wasi> {
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
