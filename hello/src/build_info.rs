//! Version and commit of this build.

/// The commit of this build, from the variable `HELLO_COMMIT` at build time.
pub const COMMIT: &str = match option_env!("HELLO_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// The version of the service, such as `1.2.3`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
