//! The cache of compiled code, from which later starts load it.

use std::{fs, path::Path};

use serde_json::Value;
use tests::{Server, host_command};

/// Starts a host, and returns its log line about the compiler.
fn compiler_line(cache: &Path) -> Value {
    let mut command = host_command("guest_p3.wasm");
    command.env("XDG_CACHE_HOME", cache);
    let server = Server::start(command);
    assert_eq!(server.get("/").status, 200);
    server.wait_for_log(|line| line["message"].as_str().is_some_and(|text| text.contains("compiled")))
}

#[test]
fn compiled_code_is_loaded_from_the_cache_at_the_next_start() {
    let cache = tempfile::tempdir().expect("a temporary folder");
    assert_eq!(compiler_line(cache.path())["from_cache"], false);
    assert_eq!(compiler_line(cache.path())["from_cache"], true);
}

#[test]
fn cache_that_is_a_file_is_not_used() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("the file is written");
    let line = compiler_line(&file);
    assert_eq!(line["message"], "compiled code is not cached", "{line}");
}
