//! Files of components: reading them, and telling them from other WebAssembly files.

use std::{
    fmt::Display,
    fs::{self, File},
    io::Read,
    path::Path,
};

/// The first bytes of a component (binary format: magic, version 13, layer 1) and of a core module (version 1, layer 0).
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";

pub(crate) fn read(file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| cannot_read(file, error))
}

/// Reads only the bytes that [`check_header`] needs.
pub(crate) fn read_header(file: &Path) -> Result<Vec<u8>, String> {
    let mut header = Vec::new();
    let read = File::open(file).and_then(|file| file.take(COMPONENT.len() as u64).read_to_end(&mut header));
    read.map(|_| header).map_err(|error| cannot_read(file, error))
}

pub(crate) fn check_header(bytes: &[u8]) -> Result<(), String> {
    if bytes.starts_with(COMPONENT) {
        Ok(())
    } else if bytes.starts_with(CORE_MODULE) {
        Err("it is a core WebAssembly module, not a component; `cargo build --target wasm32-wasip2` builds a component"
            .into())
    } else {
        Err("it is not a WebAssembly component".into())
    }
}

pub(crate) fn cannot_read(file: &Path, error: impl Display) -> String {
    format!("cannot read {}: {error}", file.display())
}
