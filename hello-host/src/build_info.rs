//! Description of this build.

/// The version, as in Cargo.toml.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
