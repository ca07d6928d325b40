//! Files of components: what is in them, and compiling them ahead of time.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use crate::{
    compiler,
    machine_code::{self, cannot_read},
};

/// The first bytes of a component (binary format: magic, version 13, layer 1) and of a core module (version 1, layer 0).
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";

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

pub(crate) fn read(file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| cannot_read(file, error))
}

/// As much as tells what it is.
pub(crate) fn read_header(file: &Path) -> Result<Vec<u8>, String> {
    let mut header = Vec::new();
    let read = File::open(file).and_then(|file| file.take(COMPONENT.len() as u64).read_to_end(&mut header));
    read.map(|_| header).map_err(|error| cannot_read(file, error))
}

pub(crate) fn check_header(bytes: &[u8]) -> Result<(), String> {
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
