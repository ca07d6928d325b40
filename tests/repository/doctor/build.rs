//! scripts/build.sh on a machine that lacks a requirement.

use std::process::Command;

use tests::{run_to_exit, workspace};

use crate::machine::Machine;

/// The build fails before it starts cargo.
#[test]
fn build_reports_a_missing_requirement_in_one_line() {
    let no_musl = || Machine::sufficient().with("uname", "[ \"$1\" = -m ] && echo x86_64 || echo Linux");
    for (machine, profile, kind, error) in [
        (Machine::sufficient().without("rustc"), "quick", "program", "Rust not installed; 1.95 or newer: curl "),
        (Machine::sufficient().with("rustc", "echo 'rustc 1.60.0'"), "quick", "program", "rustup update stable"),
        (
            Machine::sufficient().without("cc").with("apt-get", ""),
            "quick",
            "component",
            "C compiler: cc is not installed: sudo apt-get install build-essential",
        ),
        (
            no_musl().with("dnf", ""),
            "release",
            "program",
            "x86_64-unknown-linux-musl: musl-gcc is not installed: sudo dnf install musl-gcc",
        ),
        (
            no_musl()
                .with("musl-gcc", "")
                .with("rustup", "exit 1")
                .with("rustc", "[ $1 = --version ] && echo 'rustc 1.99.0'"),
            "release",
            "program",
            "rustup target add x86_64-unknown-linux-musl",
        ),
    ] {
        let machine = machine.with("cargo", "echo cargo was started; exit 1");
        let mut build = Command::new(machine.path().join("bash"));
        build.arg(workspace().join("scripts/build.sh")).args([profile, kind, "--package", "hello-native"]);
        let target_dir = tempfile::tempdir().expect("a temporary folder");
        build.env("PATH", machine.path()).env("CARGO_TARGET_DIR", target_dir.path()).env_remove("CARGO");
        let exit = run_to_exit(build);
        assert_eq!(exit.code, Some(1), "{error}: {}", exit.output());
        assert!(exit.stderr.contains(error) && exit.stderr.lines().count() == 1, "{error}: {}", exit.output());
        assert_eq!(exit.stdout, "");
    }
}
