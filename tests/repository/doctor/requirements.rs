//! Programs and memory that a machine needs to build and run hello.

use std::process::Command;

use tests::{run_to_exit, workspace};

use crate::machine::{Machine, WORKS, assert_lines};

#[test]
fn this_machine_can_run_both_runtimes() {
    let mut make = Command::new("make");
    make.arg("doctor").current_dir(workspace());
    let exit = run_to_exit(make);
    assert!(exit.succeeded(), "{}", exit.output());
    let mut rustc = Command::new("rustc");
    rustc.arg("--version");
    let rustc = run_to_exit(rustc).stdout;
    assert_lines(&exit, &WORKS);
    assert_lines(&exit, &[("Rust", rustc.split(' ').nth(1).expect("rustc prints its version"))]);
    assert!(!exit.stdout.contains('\u{1b}'), "there are colours, though the output is not a terminal");
}

#[test]
fn missing_optional_programs_do_not_fail() {
    Machine::sufficient().assert_report(0, &WORKS);
    Machine::sufficient().assert_report(
        0,
        &[
            ("image builder", "none of docker, podman and buildah is here"),
            ("helm", "is not here: https://helm.sh/docs/intro/install says how"),
            ("kubectl", "is not here: https://kubernetes.io/docs/tasks/tools says how"),
            ("local cluster", "neither minikube nor kind is here"),
            ("spin", "is not here: https://spinframework.dev/install says how"),
            ("Kubernetes", "minikube start"),
            ("spin here", "missing: spin"),
            ("native in the cluster", "missing: helm, kubectl, a cluster, its image on a node"),
        ],
    );
    Machine::sufficient().with("brew", "").assert_report(0, &[("helm", "brew install helm")]);
    Machine::sufficient()
        .with("docker", "echo 'Cannot connect to the Docker daemon'; exit 1")
        .assert_report(0, &[("image builder", "docker's daemon does not answer")]);
    Machine::sufficient()
        .with("docker", "echo 'permission denied while trying to connect'; exit 1")
        .assert_report(0, &[("image builder", r#"sudo usermod -aG docker "$USER""#)]);
}

#[test]
fn missing_required_program_fails() {
    let native = |text| ("native here", text);
    Machine::sufficient().without("rustc").without("rustup").assert_report(
        1,
        &[
            ("Rust", "| sh"),
            ("wasm32-wasip2", "comes with Rust"),
            native("missing: Rust"),
            ("wasm here", "missing: Rust"),
        ],
    );
    let old = "echo 'rustc 1.60.0 (7737e0b5c 2022-04-04)'";
    Machine::sufficient().with("rustc", old).assert_report(
        1,
        &[("Rust", "1.60.0 is too old; 1.95 or newer: rustup update stable"), native("missing: Rust 1.95")],
    );
    Machine::sufficient()
        .with("rustc", old)
        .without("rustup")
        .assert_report(1, &[("Rust", "https://rustup.rs always has")]);
    Machine::sufficient().without("cc").with("apt-get", "").assert_report(
        1,
        &[("C compiler", "cc is not installed: sudo apt-get install build-essential"), native("missing: a C compiler")],
    );
    Machine::sufficient()
        .with("cc", "exit 1")
        .with("dnf", "")
        .assert_report(1, &[("C compiler", "does not find the headers of C: sudo dnf install gcc make")]);
    Machine::sufficient()
        .without("ld")
        .with("pacman", "")
        .assert_report(1, &[("C compiler", "does not link a program (is ld installed?): sudo pacman -S base-devel")]);
    Machine::sufficient().without("make").assert_report(1, &[("make", "is not here"), native("missing: make")]);
}

#[test]
fn too_little_memory_is_reported() {
    Machine::sufficient().assert_report(0, &[("memory", "8000 MiB available")]);
    Machine::sufficient()
        .with_memory(2500)
        .assert_report(0, &[("memory", "enough for make run; make build needs 3 GiB"), WORKS[1]]);
    Machine::sufficient()
        .with_memory(1500)
        .assert_report(1, &[("memory", "needs 2 GiB by make run"), ("wasm here", "missing: memory")]);
    Machine::sufficient().without("free").assert_report(0, &[("memory", "unknown")]);
}

#[test]
fn make_build_needs_musl_on_linux() {
    let machine = || Machine::sufficient().with("uname", "[ \"$1\" = -m ] && echo x86_64 || echo Linux");
    machine().with("apt-get", "").assert_report(
        0,
        &[
            ("make build", "x86_64-unknown-linux-musl: musl-gcc is not installed: sudo apt-get install musl-tools"),
            WORKS[1],
        ],
    );
    let new = "[ \"$1\" = --version ] && echo 'rustc 1.99.0' || echo /nowhere";
    machine()
        .with("musl-gcc", "")
        .with("rustc", new)
        .assert_report(0, &[("make build", "rustup target add x86_64-unknown-linux-musl")]);
}

#[test]
fn wasm_target_is_installed_by_make_run_if_rustup_is_there() {
    let new = "[ \"$1\" = --version ] && echo 'rustc 1.99.0' || echo /nowhere";
    Machine::sufficient().with("rustc", new).assert_report(0, &[("wasm32-wasip2", "the first make run"), WORKS[1]]);
    Machine::sufficient()
        .with("rustc", new)
        .without("rustup")
        .assert_report(1, &[("wasm32-wasip2", "not installed"), WORKS[0], ("wasm here", "missing: wasm32-wasip2")]);
}
