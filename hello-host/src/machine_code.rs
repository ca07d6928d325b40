//! Machine code, and the digest that is kept beside a file of it: what `compile` writes and `serve --precompiled` takes, and what one
//! start keeps for the next.

use std::{
    fmt::Display,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use wasmtime::{Engine, Result, component::Component};

/// What a component was compiled to.
pub(crate) enum MachineCode {
    /// A file of our own making, whose digest has been checked.
    File(PathBuf),
    /// What this process has compiled, and could not write.
    #[cfg_attr(not(feature = "compiler"), expect(dead_code))]
    Bytes(Vec<u8>),
}

impl MachineCode {
    /// Takes it as it is: it runs with all rights of this process.
    ///
    /// # Errors
    /// wasmtime's: it was made by another version, for another processor or with other settings.
    #[allow(unsafe_code)]
    pub(crate) fn load(&self, engine: &Engine) -> Result<Component> {
        // SAFETY: the code was made by wasmtime, in this process or, as the digest says, in one that had the rights to write the file.
        unsafe {
            match self {
                // Mapped as it is, where bytes would have to be copied.
                MachineCode::File(file) => Component::deserialize_file(engine, file),
                MachineCode::Bytes(code) => Component::deserialize(engine, code),
            }
        }
    }
}

/// Writes machine code into `file`, and its digest into `file.sha256`, in the format of sha256sum; gives the digest.
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

/// Takes a file whose digest is the one beside it.
///
/// # Errors
/// One line: what could not be read, or that the digest is another.
pub(crate) fn checked(file: &Path) -> Result<MachineCode, String> {
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
        return Ok(MachineCode::File(file.to_owned()));
    }
    Err(format!(
        "cannot serve {}: its digest is {actual}, which is not that of {}; make both again with `hello-host compile`",
        file.display(),
        digest_file.display()
    ))
}

pub(crate) fn cannot_read(file: &Path, error: impl Display) -> String {
    format!("cannot read {}: {error}", file.display())
}

fn digest_file(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sha256");
    PathBuf::from(name)
}
