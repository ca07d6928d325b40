//! From a file to a component: checks what it is, then compiles it or takes the machine code made before.

use std::{
    fmt::Display,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    thread,
};

use sha2::{Digest, Sha256};
use wasmtime::{
    Engine,
    component::{Component, Linker},
    format_err,
};

use crate::{
    compiler,
    engine::{self, Limits, Wasi},
    guest::{self, State},
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
        // Either takes as long as the other.
        let (engine, checked) = thread::scope(|scope| {
            let checking = scope.spawn(|| check_digest(file));
            (engine_for(Wasi::P3), checking.join().expect("no panic"))
        });
        checked?;
        // Machine code fits the engine that it was made for, and no other.
        match with_linker(&engine?, |engine| deserialize(engine, file)) {
            Err(p3) => with_linker(&engine_for(Wasi::P2)?, |engine| deserialize(engine, file)).map_err(|p2| {
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
        with_linker(&engine_for(wasi)?, |engine| compiler::load(engine, &bytes))
    };
    loaded.map_err(|error| refuse(one_line(&error)))
}

/// Loads a component, and meanwhile makes the linker, which takes a million instructions.
fn with_linker(engine: &Engine, load: impl FnOnce(&Engine) -> wasmtime::Result<Component>) -> wasmtime::Result<Loaded> {
    thread::scope(|scope| {
        let linker = scope.spawn(|| guest::linker(engine));
        let component = load(engine)?;
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
    let digest = format!("{:x}", Sha256::digest(&code));
    let name = output.file_name().unwrap_or(output.as_os_str()).to_string_lossy();
    let write = |path: &Path, bytes: &[u8]| {
        fs::write(path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))
    };
    write(output, &code)?;
    write(&digest_file(output), format!("{digest}  {name}\n").as_bytes())?;
    Ok(digest)
}

/// Machine code runs with all rights of this process, and mapping it trusts every byte.
#[allow(unsafe_code)]
fn deserialize(engine: &Engine, file: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the caller has named the file as machine code of our own making, and its digest has been checked. wasmtime itself
    // refuses code of another version or for another processor.
    unsafe { Component::deserialize_file(engine, file) }
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

fn cannot_read(file: &Path, error: impl Display) -> String {
    format!("cannot read {}: {error}", file.display())
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

/// In the format of sha256sum, so that `sha256sum -c` checks it, too.
fn check_digest(file: &Path) -> Result<(), String> {
    let digest_file = digest_file(file);
    let expected = fs::read_to_string(&digest_file).map_err(|error| {
        format!("cannot read the digest {}: {error}; `hello-host compile` makes it", digest_file.display())
    })?;
    let mut digest = Sha256::new();
    File::open(file)
        .and_then(|mut bytes| io::copy(&mut bytes, &mut digest))
        .map_err(|error| cannot_read(file, error))?;
    let actual = format!("{:x}", digest.finalize());
    if expected.split_whitespace().next() == Some(&actual) {
        return Ok(());
    }
    Err(format!(
        "cannot serve {}: its digest is {actual}, which is not that of {}; make both again with `hello-host compile`",
        file.display(),
        digest_file.display()
    ))
}

fn digest_file(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sha256");
    PathBuf::from(name)
}

/// An error with its causes; some of wasmtime's take several lines.
pub(crate) fn one_line(error: &wasmtime::Error) -> String {
    let text = format!("{error:#}");
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}
