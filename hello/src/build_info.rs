//! What was built.

/// The source revision this handler was built from, where `HELLO_COMMIT` was set then.
pub const COMMIT: &str = match option_env!("HELLO_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// The version of the service, such as `1.2.3`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
