//! From a file to a component that can be served: checks what it is, then compiles it or takes the machine code made before.

use std::path::Path;

use wasmtime::{Engine, component::Component, format_err};

#[cfg(feature = "compiler")]
use crate::code_cache::compile_or_take_kept;
#[cfg(not(feature = "compiler"))]
use crate::compiler::compile_or_take_kept;
use crate::{
    compiler,
    component::{check_header, one_line, read, read_header},
    engine::{self, Limits, MAX_TABLE_ELEMENTS, Parts, Wasi},
    machine_code::{self, MachineCode},
};

/// Loads the component to serve.
///
/// # Errors
/// One line: what is wrong with the file and what would be taken.
pub(crate) fn load(file: &Path, precompiled: bool, limits: Limits) -> Result<Component, String> {
    let refuse = |reason: String| format!("cannot serve {}: {reason}", file.display());
    let loaded = if precompiled {
        if check_header(&read_header(file)?).is_ok() {
            return Err(refuse(
                "it is not precompiled; leave --precompiled away, or make machine code with `hello-host compile`"
                    .into(),
            ));
        }
        let code = machine_code::checked(file)?;
        // Machine code fits the engine that it was made for, and no other.
        match load_on(engine_for(Wasi::P3, limits)?, &code, Wasi::P3, limits) {
            Err(p3) => load_on(engine_for(Wasi::P2, limits)?, &code, Wasi::P2, limits).map_err(|p2| {
                format_err!("on the engine for WASI 0.3: {}; on that for WASI 0.2: {}", one_line(&p3), one_line(&p2))
            }),
            loaded => loaded,
        }
    } else {
        let bytes = read(file)?;
        if Engine::detect_precompiled(&bytes).is_some() {
            return Err(refuse(
                "it is precompiled, and machine code can do anything; if you made it yourself, add --precompiled"
                    .into(),
            ));
        }
        check_header(&bytes).map_err(refuse)?;
        let wasi = compiler::wasi_of(&bytes).map_err(|error| refuse(one_line(&error)))?;
        let code = compile_or_take_kept(&bytes, wasi).map_err(|error| refuse(one_line(&error)))?;
        load_on(engine_for(wasi, limits)?, &code, wasi, limits)
    };
    loaded.map_err(|error| refuse(one_line(&error)))
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

/// Loads a component on an engine for usual ones, or on one of its own where it has more memories or tables than those.
fn load_on(engine: Engine, code: &MachineCode, wasi: Wasi, limits: Limits) -> wasmtime::Result<Component> {
    let usual = code.load(&engine);
    let Some(parts) = parts_beyond(&usual, code, wasi, limits.parts)? else { return usual };
    drop((usual, engine));
    let engine = engine_for(wasi, Limits { parts, ..limits }).map_err(wasmtime::Error::msg)?;
    code.load(&engine)
}

/// What an instance of the component consists of, where that is more than `usual`. A component that could not be loaded for usual ones
/// is looked at on an engine without a pool.
fn parts_beyond(
    loaded: &wasmtime::Result<Component>,
    code: &MachineCode,
    wasi: Wasi,
    usual: Parts,
) -> wasmtime::Result<Option<Parts>> {
    let resources = match loaded {
        Ok(component) => component.resources_required(),
        // Machine code for another engine cannot be loaded here, either; the first error tells why.
        Err(_) => match code.load(&engine::for_inspection(wasi)?) {
            Ok(component) => component.resources_required(),
            Err(_) => None,
        },
    };
    let Some(resources) = resources else { return Ok(None) };
    if let Some(elements) = resources.max_initial_table_size.filter(|&elements| elements > MAX_TABLE_ELEMENTS as u64) {
        return Err(format_err!("a table has {elements} elements, which is over the limit of {MAX_TABLE_ELEMENTS}"));
    }
    let (memories, tables) = (resources.num_memories, resources.num_tables);
    let is_beyond = memories > usual.memories || tables > usual.tables;
    Ok(is_beyond.then(|| Parts { memories: memories.max(usual.memories), tables: tables.max(usual.tables) }))
}
