//! The commands that the README names, as people type them.

use std::{env, process::Command};

use tests::{Server, program, run_to_exit, workspace};

/// `make` as from a shell: what cargo sets for this test would make it build dependencies anew.
fn make(arguments: &[&str]) -> Command {
    let mut command = Command::new("make");
    let ours = |name: &str| {
        ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(|own| name.starts_with(own))
    };
    for (name, _) in env::vars().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    command.current_dir(workspace()).args(arguments);
    command
}

#[test]
fn make_alone_lists_the_commands() {
    let listed = run_to_exit(make(&[]));
    assert!(listed.succeeded());
    for command in ["make run", "make build", "make test", "make bench-quick", "make clean"] {
        assert!(listed.output().lines().any(|line| line.trim_start().starts_with(command)), "{}", listed.output());
    }
}

#[test]
fn make_run_serves_each_runtime() {
    for (arguments, runtime) in
        [(&["run"][..], "wasi-0.3"), (&["run", "RUNTIME=native"], "native"), (&["run", "RUNTIME=wasm-p2"], "wasi-0.2")]
    {
        let server = Server::start(make(arguments));
        assert_eq!(server.get("/").json()["runtime"], runtime);
        assert_eq!(server.admin("/readyz").status, 200);
    }
}

#[test]
fn make_run_says_what_is_missing() {
    let unknown = run_to_exit(make(&["run", "RUNTIME=jvm"]));
    assert!(!unknown.succeeded());
    assert!(
        unknown.output().contains("RUNTIME=jvm is not known; use native, wasm, wasm-p2 or spin"),
        "{}",
        unknown.output()
    );

    if program("spin").is_none() {
        let missing = run_to_exit(make(&["run", "RUNTIME=spin"]));
        assert!(!missing.succeeded());
        assert!(missing.output().contains("needs the program spin"), "{}", missing.output());
    }
}
