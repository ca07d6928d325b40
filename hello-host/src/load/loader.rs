//! Loads the component to serve: checks the file, compiles it or verifies the code compiled before, and creates the engine for it.

use std::path::Path;

use wasmtime::{Engine, component::Component};

use super::{
    compiler,
    component_file::{check_header, read, read_header},
    engine::{self, Limits, MAX_TABLE_ELEMENTS, Parts, Wasi},
    machine_code::{self, MachineCode},
};
use crate::error_line::one_line;

/// Loads the component to serve.
///
/// # Errors
/// One line: what is wrong with the file, and what is needed.
pub(crate) fn load(file: &Path, precompiled: bool, limits: Limits) -> Result<Component, String> {
    let refuse = |reason: String| format!("cannot serve {}: {reason}", file.display());
    let (code, inspected, wasi) = if precompiled {
        if check_header(&read_header(file)?).is_ok() {
            return Err(refuse(
                "it is not precompiled; remove --precompiled, or compile it with `hello-host compile`".into(),
            ));
        }
        let code = machine_code::verify_digest(file)?;
        let (inspected, wasi) = inspect(&code).map_err(refuse)?;
        (code, inspected, wasi)
    } else {
        let bytes = read(file)?;
        if Engine::detect_precompiled(&bytes).is_some() {
            return Err(refuse(
                "it is precompiled, and compiled code can do anything; if you compiled it yourself, add --precompiled"
                    .into(),
            ));
        }
        check_header(&bytes).map_err(refuse)?;
        let compile = || {
            let wasi = compiler::detect_wasi(&bytes)?;
            let component = compiler::compile(&bytes, wasi)?;
            Ok((MachineCode::Bytes(component.serialize()?), component, wasi))
        };
        compile().map_err(|error: wasmtime::Error| refuse(one_line(&error)))?
    };
    let parts = parts_of(&inspected, limits.parts).map_err(refuse)?;
    let engine = engine_for(wasi, Limits { parts, ..limits }).map_err(refuse)?;
    code.load(&engine).map_err(|error| refuse(one_line(&error)))
}

/// Loads compiled code on an engine without a pool of instances, to see what the component consists of, and so how large the pool has
/// to be. Code can only be loaded on an engine with the settings that it was compiled for.
fn inspect(code: &MachineCode) -> Result<(Component, Wasi), String> {
    let load = |wasi| Engine::new(&engine::common(wasi)).and_then(|engine| code.load(&engine));
    let p3 = match load(Wasi::P3) {
        Ok(component) => return Ok((component, Wasi::P3)),
        Err(error) => one_line(&error),
    };
    match load(Wasi::P2) {
        Ok(component) => Ok((component, Wasi::P2)),
        Err(p2) => Err(format!("on the engine for WASI 0.3: {p3}; on that for WASI 0.2: {}", one_line(&p2))),
    }
}

fn engine_for(wasi: Wasi, limits: Limits) -> Result<Engine, String> {
    engine::for_serving(wasi, limits).map_err(|error| {
        let Limits { instances, memory, parts: Parts { memories, tables } } = limits;
        format!(
            "cannot allocate --max-instances {instances}, each with {memories} memories of --max-memory-size {memory} bytes and {tables} \
             tables: {}; lower one of the settings",
            one_line(&error)
        )
    })
}

/// Returns how many memories and tables an instance of the component may have: `usual`, or more where the component has more.
fn parts_of(component: &Component, usual: Parts) -> Result<Parts, String> {
    let Some(resources) = component.resources_required() else { return Ok(usual) };
    match resources.max_initial_table_size {
        Some(elements) if elements > MAX_TABLE_ELEMENTS as u64 => {
            Err(format!("a table has {elements} elements, which is over the limit of {MAX_TABLE_ELEMENTS}"))
        }
        _ => Ok(Parts {
            memories: resources.num_memories.max(usual.memories),
            tables: resources.num_tables.max(usual.tables),
        }),
    }
}
