//! The commands that the README names, as people type them.

use std::{
    env,
    process::{Command, Output},
};

use tests::{Server, program, workspace};

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

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn make_alone_lists_the_commands() {
    let listed = make(&[]).output().expect("make runs");
    assert!(listed.status.success());
    for command in ["make run", "make build", "make test", "make bench-quick", "make clean"] {
        assert!(text(&listed).lines().any(|line| line.trim_start().starts_with(command)), "{}", text(&listed));
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
    let unknown = make(&["run", "RUNTIME=jvm"]).output().expect("make runs");
    assert!(!unknown.status.success());
    assert!(
        text(&unknown).contains("RUNTIME=jvm is not known; use native, wasm, wasm-p2 or spin"),
        "{}",
        text(&unknown)
    );

    if program("spin").is_none() {
        let missing = make(&["run", "RUNTIME=spin"]).output().expect("make runs");
        assert!(!missing.status.success());
        assert!(text(&missing).contains("needs the program spin"), "{}", text(&missing));
    }
}
