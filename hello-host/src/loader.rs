//! From a file to a component that can be served: checks what it is, then compiles it or takes the machine code made before.

use std::{path::Path, thread};

use wasmtime::{
    Engine,
    component::{Component, Linker},
    format_err,
};

#[cfg(feature = "compiler")]
use crate::code_cache::compile_or_take_kept;
#[cfg(not(feature = "compiler"))]
use crate::compiler::compile_or_take_kept;
use crate::{
    compiler,
    component::{check_header, one_line, read, read_header},
    engine::{self, Limits, Wasi},
    guest::{self, State},
    machine_code::{self, MachineCode},
};

/// A component, and what it can be linked with.
pub(crate) struct Loaded {
    pub(crate) component: Component,
    pub(crate) linker: Linker<State>,
}

/// Loads the component to serve.
///
/// # Errors
/// One line: what is wrong with the file and what would be taken.
pub(crate) fn load(file: &Path, precompiled: bool, limits: Limits) -> Result<Loaded, String> {
    let engine_for = |wasi| {
        engine::for_serving(wasi, limits).map_err(|error| {
            format!(
                "cannot make room for --max-instances {} of --max-memory-size {} bytes each: {}; lower one of them",
                limits.instances,
                limits.memory,
                one_line(&error)
            )
        })
    };
    let refuse = |reason: String| format!("cannot serve {}: {reason}", file.display());
    let loaded = if precompiled {
        if check_header(&read_header(file)?).is_ok() {
            return Err(refuse(
                "it is not precompiled; leave --precompiled away, or make machine code with `hello-host compile`"
                    .into(),
            ));
        }
        let (engine, code) = both(|| engine_for(Wasi::P3), || machine_code::checked(file));
        let (code, engine) = (code?, engine?);
        // Machine code fits the engine that it was made for, and no other.
        match with_linker(&engine, &code) {
            Err(p3) => with_linker(&engine_for(Wasi::P2)?, &code).map_err(|p2| {
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
        let (engine, code) = both(|| engine_for(wasi), || compile_or_take_kept(&bytes, wasi));
        let code = code.map_err(|error| refuse(one_line(&error)))?;
        with_linker(&engine?, &code)
    };
    loaded.map_err(|error| refuse(one_line(&error)))
}

/// Makes the engine, and meanwhile finds the machine code, which takes as long.
fn both<E, C: Send>(engine: impl FnOnce() -> E, code: impl FnOnce() -> C + Send) -> (E, C) {
    thread::scope(|scope| {
        let code = scope.spawn(code);
        (engine(), code.join().expect("no panic"))
    })
}

/// Loads a component, and meanwhile makes the linker, which takes a million instructions.
fn with_linker(engine: &Engine, code: &MachineCode) -> wasmtime::Result<Loaded> {
    thread::scope(|scope| {
        let linker = scope.spawn(|| guest::linker(engine));
        let component = code.load(engine)?;
        Ok(Loaded { component, linker: linker.join().expect("no panic")? })
    })
}
