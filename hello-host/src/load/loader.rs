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
    let loaded = if precompiled {
        if check_header(&read_header(file)?).is_ok() {
            return Err(refuse(
                "it is not precompiled; remove --precompiled, or compile it with `hello-host compile`".into(),
            ));
        }
        let code = machine_code::verify_digest(file)?;
        // Code can only be loaded on an engine with the settings that it was compiled for.
        load_code(&code, Wasi::P3, limits).or_else(|p3| {
            load_code(&code, Wasi::P2, limits)
                .map_err(|p2| format!("on the engine for WASI 0.3: {p3}; on that for WASI 0.2: {p2}"))
        })
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
            Ok((MachineCode::Bytes(compiler::compile(&bytes, wasi)?.serialize()?), wasi))
        };
        let compiled = compile().map_err(|error: wasmtime::Error| one_line(&error));
        compiled.and_then(|(code, wasi)| load_code(&code, wasi, limits))
    };
    loaded.map_err(refuse)
}

/// Loads code on an engine whose pool has the usual parts, or, if the component has more of them, on another with a larger pool.
fn load_code(code: &MachineCode, wasi: Wasi, limits: Limits) -> Result<Component, String> {
    let load = |limits| code.load(&engine_for(wasi, limits)?).map_err(|error| one_line(&error));
    let usual = load(limits);
    let parts = match &usual {
        Ok(component) => parts_of(component, limits.parts)?,
        // An engine without a pool loads components of any number of parts. Other errors remain.
        Err(_) => match Engine::new(&engine::common(wasi)).and_then(|engine| code.load(&engine)) {
            Ok(component) => parts_of(&component, limits.parts)?,
            Err(_) => return usual,
        },
    };
    if parts == limits.parts {
        return usual;
    }
    drop(usual);
    load(Limits { parts, ..limits })
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
