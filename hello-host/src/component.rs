//! From a file to a component: checks what it is, then compiles it or takes the machine code made before.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
    thread,
};

use wasmtime::{
    Engine,
    component::{Component, Linker},
    format_err,
};

use crate::{
    compiler,
    engine::{self, Limits, Wasi},
    guest::{self, State},
    machine_code::{self, MachineCode, cannot_read},
};

/// The first bytes of a component (binary format: magic, version 13, layer 1) and of a core module (version 1, layer 0).
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";

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
        let (engine, code) = both(|| engine_for(wasi), || compiler::compile_or_take_kept(&bytes, wasi));
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

/// Compiles a component into `output`, and the digest of that into `output.sha256`, which is given back, too.
///
/// # Errors
/// One line: what could not be read, compiled or written.
pub(crate) fn compile(file: &Path, output: &Path) -> Result<String, String> {
    let bytes = read(file)?;
    check_header(&bytes).map_err(|reason| format!("cannot compile {}: {reason}", file.display()))?;
    let code = compiler::precompile(&bytes)
        .map_err(|error| format!("cannot compile {}: {}", file.display(), one_line(&error)))?;
    machine_code::write(output, &code)
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| cannot_read(file, error))
}

/// As much as tells what it is.
fn read_header(file: &Path) -> Result<Vec<u8>, String> {
    let mut header = Vec::new();
    let read = File::open(file).and_then(|file| file.take(COMPONENT.len() as u64).read_to_end(&mut header));
    read.map(|_| header).map_err(|error| cannot_read(file, error))
}

fn check_header(bytes: &[u8]) -> Result<(), String> {
    if bytes.starts_with(COMPONENT) {
        Ok(())
    } else if bytes.starts_with(CORE_MODULE) {
        Err("it is a core WebAssembly module; a component is needed, as `cargo build --target wasm32-wasip2` makes"
            .into())
    } else {
        Err("it is no WebAssembly component".into())
    }
}

/// An error with its causes; some of wasmtime's take several lines.
pub(crate) fn one_line(error: &wasmtime::Error) -> String {
    let text = format!("{error:#}");
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}
