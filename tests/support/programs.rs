//! The programs under test and the files that they are made from.

use std::{
    env,
    ffi::OsStr,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
};

use crate::run_to_exit;

/// Returns the root of the workspace. It is read at run time: clones that share Cargo's target folder share this binary, too.
#[must_use]
pub fn workspace() -> PathBuf {
    let tests = env::var_os("CARGO_MANIFEST_DIR").expect("CARGO_MANIFEST_DIR is set, as cargo runs the tests");
    let root = Path::new(&tests).ancestors().find(|folder| folder.join("Cargo.lock").exists());
    root.expect("tests/ is in the workspace").to_owned()
}

/// Returns a file that `make build` or `make fixtures` built.
///
/// # Panics
/// Panics if the file is missing.
#[must_use]
pub fn dist_file(name: &str) -> PathBuf {
    let path = workspace().join("dist").join(name);
    assert!(path.exists(), "{} is missing; run the tests with `make test`", path.display());
    path
}

/// Returns the files that match the patterns and that git does not ignore.
///
/// # Panics
/// Panics if git fails.
#[must_use]
pub fn git_files(patterns: &[&str]) -> Vec<String> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard", "--"]).args(patterns).current_dir(workspace());
    let listed = run_to_exit(git);
    assert!(listed.succeeded(), "{}", listed.output());
    // A file that is removed and not yet committed is still listed.
    listed.stdout.lines().filter(|file| workspace().join(file).exists()).map(ToOwned::to_owned).collect()
}

/// Returns an address on which nothing listens, for programs that do not print the port that they bound for port 0.
///
/// # Panics
/// Panics if there is no free port.
#[must_use]
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port is free")
}

/// Returns the path of a program on PATH.
#[must_use]
pub fn find_program(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Returns a command as a shell would start it. With the variables that cargo sets for this test, another cargo would rebuild its
/// dependencies.
#[must_use]
pub fn command_without_cargo_variables(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    let prefixes = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    for (name, _) in env::vars().filter(|(name, _)| prefixes.iter().any(|prefix| name.starts_with(prefix))) {
        command.env_remove(name);
    }
    command
}

/// Returns the command that starts `hello-native`.
#[must_use]
pub fn native_command() -> Command {
    Command::new(dist_file("hello-native"))
}

/// Returns the command that starts `hello-host serve` with a component from `dist/`.
#[must_use]
pub fn host_command(component: &str) -> Command {
    host_command_for(&dist_file(component))
}

/// Returns the command that starts `hello-host serve` with any file.
#[must_use]
pub fn host_command_for(component: &Path) -> Command {
    let mut command = Command::new(dist_file("hello-host"));
    command.arg("serve").arg(component);
    command
}

/// Returns the command with more flags.
#[must_use]
pub fn with_flags(mut command: Command, flags: &[&str]) -> Command {
    command.args(flags);
    command
}

/// A function that returns the command of a server.
pub type CommandFn = fn() -> Command;

/// The servers of hello by the name of their runtime: `hello-native`, and `hello-host` with either component.
pub const RUNTIMES: [(&str, CommandFn); 3] = [
    ("native", native_command),
    ("wasi-0.2", || host_command("hello-wasi-0.2.wasm")),
    ("wasi-0.3", || host_command("hello-wasi-0.3.wasm")),
];
