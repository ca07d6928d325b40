//! Settings: flags and environment, read once at the start.

mod allowed_host;
mod cli;
mod container;
mod otel;
mod settings;
mod values;

pub use allowed_host::AllowedHost;
pub use cli::parse;
pub use container::container_memory;
pub(crate) use otel::{first_variable, non_empty_variable, otlp_endpoint};
pub use settings::{Config, LogFormat};
pub(crate) use values::log_filter;
pub use values::{color, count, size, timeout};
