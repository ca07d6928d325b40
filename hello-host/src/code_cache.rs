//! The machine code of components that were served before, in the cache folder of the user.

use std::{
    env,
    fs::{self, DirBuilder, File},
    hash::{DefaultHasher, Hash, Hasher},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use sha2::{Digest, Sha256};
use wasmtime::{Engine, Result};

use crate::{
    engine::{self, Wasi},
    machine_code::{self, MachineCode},
};

/// How many components' machine code is kept, a megabyte or a few each; of more, what was served last.
const KEPT: usize = 16;

/// Compiles a component for this very processor, or takes what an earlier start has compiled. A file that is mapped as it is starts
/// sooner than wasmtime's own cache, which has to unpack it.
pub(crate) fn compile_or_take_kept(component: &[u8], wasi: Wasi) -> Result<MachineCode> {
    let engine = Engine::new(&engine::common(wasi))?;
    let entry = private_cache_folder().map(|folder| folder.join(name(&engine, component)));
    if let Ok(entry) = &entry
        && let Ok(kept) = machine_code::checked(&entry.join(FILE))
    {
        tracing::debug!(entry = %entry.display(), "machine code of an earlier start");
        _ = File::open(entry).and_then(|entry| entry.set_modified(SystemTime::now()));
        return Ok(kept);
    }
    let code = engine.precompile_component(component)?;
    // A read-only or absent home directory costs what would be kept, not the service.
    Ok(match entry.map_err(|error| error.to_string()).and_then(|entry| keep(&entry, &code)) {
        Ok(kept) => kept,
        Err(error) => {
            tracing::debug!(error, "machine code is not kept");
            MachineCode::Bytes(code)
        }
    })
}

/// In each entry of the cache; its digest is beside it.
const FILE: &str = "component.cwasm";

/// Where no other user can write, as machine code runs with all rights of this process.
fn private_cache_folder() -> io::Result<PathBuf> {
    let from = |variable| env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = from("XDG_CACHE_HOME").or_else(|| Some(from("HOME")?.join(".cache")));
    let caches = caches.ok_or_else(|| io::Error::other("neither XDG_CACHE_HOME nor HOME is an absolute path"))?;
    let folder = caches.join("hello-host");
    DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let metadata = fs::metadata(&folder)?;
    if metadata.uid() != rustix::process::geteuid().as_raw() || metadata.mode() & 0o022 != 0 {
        return Err(io::Error::other(format!("{} could be written to by another user", folder.display())));
    }
    Ok(folder)
}

/// Different for all that would compile to something else: wasmtime's version and settings, this processor, the component.
fn name(engine: &Engine, component: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:x}-{:016x}", Sha256::digest(component), hasher.finish())
}

/// Makes an entry beside its place first, so that it is there whole or not at all.
fn keep(entry: &Path, code: &[u8]) -> Result<MachineCode, String> {
    let folder = entry.parent().expect("a cache");
    let making = tempfile::tempdir_in(folder).map_err(|error| error.to_string())?;
    machine_code::write(&making.path().join(FILE), code)?;
    // What is there is broken; or another process has just made it, and then one of both remains.
    _ = fs::remove_dir_all(entry);
    fs::rename(making.path(), entry).map_err(|error| error.to_string())?;
    _ = forget_oldest(folder);
    tracing::debug!(entry = %entry.display(), "machine code kept for the next start");
    Ok(MachineCode::File(entry.join(FILE)))
}

fn forget_oldest(folder: &Path) -> io::Result<()> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        entries.push((entry.metadata()?.modified()?, entry.path()));
    }
    entries.sort_unstable_by(|one, other| other.cmp(one));
    entries.iter().skip(KEPT).try_for_each(|(_, entry)| fs::remove_dir_all(entry))
}
