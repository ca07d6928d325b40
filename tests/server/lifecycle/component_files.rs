//! Files that the host accepts or rejects: components and precompiled code.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;
use tests::{Exit, Server, dist_file, host_command_for, run_to_exit, with_flags};

use crate::assert_one_line_error;

const NOT_A_COMPONENT: &str = "not a WebAssembly component";

fn temporary_folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).expect("the file is written");
    path
}

/// Runs a host that is expected to reject the file.
fn serve(path: &Path, flags: &[&str]) -> Exit {
    let free_ports = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    run_to_exit(with_flags(host_command_for(path), &[&free_ports, flags].concat()))
}

/// Returns the path of the precompiled code in the folder.
fn compile(component: &Path, folder: &Path) -> (Exit, PathBuf) {
    let code = folder.join("hello.cwasm");
    let mut command = Command::new(dist_file("hello-host"));
    command.arg("compile").arg(component).arg("-o").arg(&code);
    (run_to_exit(command), code)
}

#[test]
fn non_http_component_is_rejected_in_one_line() {
    let folder = temporary_folder();
    let write = |name: &str, bytes: &[u8]| write(folder.path(), name, bytes);
    assert_one_line_error(&serve(Path::new("/nowhere/x.wasm"), &[]), 1, &["/nowhere/x.wasm", "No such file"]);
    assert_one_line_error(&serve(folder.path(), &[]), 1, &["Is a directory"]);
    assert_one_line_error(&serve(&write("text", b"hello"), &[]), 1, &["text", NOT_A_COMPONENT]);
    assert_one_line_error(&serve(&write("empty", b""), &[]), 1, &["empty", NOT_A_COMPONENT]);
    let core_module = write("core.wasm", b"\0asm\x01\0\0\0");
    assert_one_line_error(&serve(&core_module, &[]), 1, &["core.wasm", "core WebAssembly module", "wasm32-wasip2"]);
    let component = fs::read(dist_file("hello-wasi-0.3.wasm")).expect("the component is read");
    let truncated = write("half.wasm", &component[..component.len() / 2]);
    assert_one_line_error(&serve(&truncated, &[]), 1, &["half.wasm"]);
    let interfaces =
        ["wasi:http/handler@0.3", "wasi:http/incoming-handler@0.2", "exports", "wasi:cli/run@", "imports", "supports"];
    assert_one_line_error(&serve(&dist_file("guest-command.wasm"), &[]), 1, &interfaces);
    let (compiled, _) = compile(&write("text", b"hello"), folder.path());
    assert_one_line_error(&compiled, 1, &["text", NOT_A_COMPONENT]);
}

fn precompiled_code_is_served(runtime: &str) {
    let folder = temporary_folder();
    let (compiled, code) = compile(&dist_file(&format!("hello-{runtime}.wasm")), folder.path());
    assert!(compiled.succeeded(), "{}", compiled.output());
    let mut sha256sum = Command::new("sha256sum");
    sha256sum.args(["--check", "--quiet", "hello.cwasm.sha256"]).current_dir(folder.path());
    let checked = run_to_exit(sha256sum);
    assert!(checked.succeeded(), "{}", checked.output());

    let server = Server::start(with_flags(host_command_for(&code), &["--precompiled"]));
    assert_eq!(server.get("/info").json()["runtime"], runtime);
    drop(server);
    let too_small = serve(&code, &["--precompiled", "--max-memory-size", "64KiB"]);
    assert_one_line_error(&too_small, 1, &["hello.cwasm", "exceeds the limit"]);
}

#[test]
fn precompiled_wasi_0_2_code_is_served() {
    precompiled_code_is_served("wasi-0.2");
}

#[test]
fn precompiled_wasi_0_3_code_is_served() {
    precompiled_code_is_served("wasi-0.3");
}

#[test]
fn precompiled_code_is_rejected_without_the_flag_or_a_valid_digest() {
    let folder = temporary_folder();
    let component = dist_file("hello-wasi-0.3.wasm");
    let (compiled, code) = compile(&component, folder.path());
    assert!(compiled.succeeded(), "{}", compiled.output());
    assert_one_line_error(&serve(&code, &[]), 1, &["precompiled", "--precompiled"]);
    let not_precompiled = serve(&component, &["--precompiled"]);
    assert_one_line_error(&not_precompiled, 1, &["not precompiled", "hello-host compile"]);

    let mut bytes = fs::read(&code).expect("the code is read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&code, &bytes).expect("the code is written");
    assert_one_line_error(&serve(&code, &["--precompiled"]), 1, &["hello.cwasm", "digest"]);
    fs::write(&code, &bytes[..middle]).expect("the code is written");
    assert_one_line_error(&serve(&code, &["--precompiled"]), 1, &["hello.cwasm", "digest"]);
    fs::remove_file(folder.path().join("hello.cwasm.sha256")).expect("the digest is removed");
    assert_one_line_error(&serve(&code, &["--precompiled"]), 1, &["hello.cwasm.sha256", "hello-host compile"]);
}
