//! The cache of compiled code, from which later starts load it.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tests::{Server, host_command};

/// Messages of the log.
const CACHED: &str = "machine code kept for the next start";
const LOADED: &str = "machine code of an earlier start";
const NOT_CACHED: &str = "machine code is not kept";

/// Number of entries that the cache keeps.
const MAX_ENTRIES: usize = 16;

/// A cache that is empty at first, and removed on drop.
struct Cache {
    parent: TempDir,
    folder: PathBuf,
}

impl Cache {
    fn new() -> Self {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let folder = parent.path().join("hello-host");
        Cache { parent, folder }
    }

    /// Starts a host, and returns its message about the cache with the path of the entry.
    fn start(&self) -> (String, Option<PathBuf>) {
        let mut command = host_command("guest_p3.wasm");
        command.env("XDG_CACHE_HOME", self.parent.path());
        let server = Server::start(command);
        assert_eq!(server.get("/").status, 200);
        let is_message = |text: &str| [CACHED, LOADED, NOT_CACHED].contains(&text);
        let line = server.wait_for_log(|line| line["message"].as_str().is_some_and(is_message));
        (line["message"].as_str().unwrap_or_default().to_owned(), line["entry"].as_str().map(PathBuf::from))
    }

    /// Starts a host, which has an empty cache, and returns the path of the entry that it adds.
    fn filled() -> (Self, PathBuf) {
        let cache = Cache::new();
        let (message, entry) = cache.start();
        assert_eq!(message, CACHED);
        let entry = entry.expect("the message has the path of the entry");
        assert_eq!(cache.entries(), std::slice::from_ref(&entry));
        (cache, entry)
    }

    fn entries(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).expect("the cache is a folder");
        entries.map(|entry| entry.expect("the entry is read").path()).collect()
    }
}

fn code(entry: &Path) -> PathBuf {
    entry.join("component.cwasm")
}

#[test]
fn compiled_code_is_cached() {
    let (cache, entry) = Cache::filled();
    assert_eq!(cache.start(), (LOADED.to_owned(), Some(entry)));
}

#[test]
fn truncated_code_in_the_cache_is_compiled_again() {
    let (cache, entry) = Cache::filled();
    let bytes = fs::read(code(&entry)).expect("the code is read");
    fs::write(code(&entry), &bytes[..bytes.len() / 2]).expect("the code is written");
    assert_eq!(cache.start().0, CACHED);
    assert_eq!(cache.start().0, LOADED);
}

#[test]
fn cache_evicts_the_entries_that_were_not_used_last() {
    let (cache, entry) = Cache::filled();
    for name in 0..MAX_ENTRIES + 4 {
        fs::create_dir(cache.folder.join(name.to_string())).expect("the folder is created");
    }
    assert_eq!(cache.start().0, LOADED);
    fs::remove_file(code(&entry)).expect("the code is removed");
    assert_eq!(cache.start().0, CACHED);
    assert_eq!(cache.entries().len(), MAX_ENTRIES);
    assert!(cache.entries().contains(&entry));
}

/// Such a user could make the host run any code.
#[test]
fn cache_that_others_can_write_to_is_not_used() {
    let (cache, _) = Cache::filled();
    fs::set_permissions(&cache.folder, Permissions::from_mode(0o777)).expect("the permissions are set");
    assert_eq!(cache.start(), (NOT_CACHED.to_owned(), None));
}

#[test]
fn cache_that_is_a_file_is_not_used() {
    let cache = Cache::new();
    fs::write(&cache.folder, "").expect("the file is written");
    assert_eq!(cache.start(), (NOT_CACHED.to_owned(), None));
}
