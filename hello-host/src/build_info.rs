//! What this build is.

/// The version, as in Cargo.toml.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
