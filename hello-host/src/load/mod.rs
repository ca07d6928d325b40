//! From a file to a component that can be served, or to a file of compiled code.

#[cfg(feature = "compiler")]
mod compiler;
#[cfg(not(feature = "compiler"))]
#[path = "compiler_stub.rs"]
mod compiler;
mod component_file;
mod engine;
#[cfg(feature = "server")]
mod loader;
mod machine_code;
mod precompile;

#[cfg(feature = "server")]
pub(crate) use engine::{Limits, MAX_TABLE_ELEMENTS, P2_HANDLER, P3_HANDLER, Parts};
#[cfg(feature = "server")]
pub(crate) use loader::load;
pub(crate) use precompile::precompile;
