//! Compiled code, and the digest beside a file of it: `compile` writes both, and `serve --precompiled` checks and loads them.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use wasmtime::{Engine, Result, component::Component};

use super::component_file::cannot_read;

/// Compiled code of a component.
pub(crate) enum MachineCode {
    /// A file whose digest has been checked.
    File(PathBuf),
    /// Compiled by this process.
    Bytes(Vec<u8>),
}

impl MachineCode {
    /// Loads the code without further checks: it runs with all rights of this process.
    ///
    /// # Errors
    /// wasmtime's: the code was compiled by another version, for another CPU, or with other settings.
    #[allow(unsafe_code)]
    pub(crate) fn load(&self, engine: &Engine) -> Result<Component> {
        // SAFETY: wasmtime compiled the code, in this process or, as the digest shows, in one that had the rights to write the file.
        unsafe {
            match self {
                // Mapped into memory, while bytes have to be copied.
                MachineCode::File(file) => Component::deserialize_file(engine, file),
                MachineCode::Bytes(code) => Component::deserialize(engine, code),
            }
        }
    }
}

/// Writes compiled code into `file`, and its digest into `file.sha256`, in the format of sha256sum. Returns the digest.
///
/// # Errors
/// One line: which file could not be written, and why.
pub(crate) fn write(file: &Path, code: &[u8]) -> Result<String, String> {
    let digest = format!("{:x}", Sha256::digest(code));
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    let write = |path: &Path, bytes: &[u8]| {
        fs::write(path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))
    };
    write(file, code)?;
    write(&digest_file(file), format!("{digest}  {name}\n").as_bytes())?;
    Ok(digest)
}

/// Compares a file with the digest beside it.
///
/// # Errors
/// One line: what could not be read, or that the digests differ.
pub(crate) fn verify_digest(file: &Path) -> Result<MachineCode, String> {
    let digest_file = digest_file(file);
    let expected = fs::read_to_string(&digest_file).map_err(|error| {
        format!("cannot read the digest {}: {error}; `hello-host compile` writes it", digest_file.display())
    })?;
    let mut digest = Sha256::new();
    File::open(file)
        .and_then(|mut bytes| io::copy(&mut bytes, &mut digest))
        .map_err(|error| cannot_read(file, error))?;
    let actual = format!("{:x}", digest.finalize());
    if expected.split_whitespace().next() == Some(&actual) {
        return Ok(MachineCode::File(file.to_owned()));
    }
    Err(format!(
        "cannot serve {}: its digest is {actual}, but {} has another; compile it again with `hello-host compile`",
        file.display(),
        digest_file.display()
    ))
}

fn digest_file(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sha256");
    PathBuf::from(name)
}
