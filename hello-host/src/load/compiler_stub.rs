//! Replaces `compiler` in a host that was built without it: every function returns the same error.

use wasmtime::{Error, Result, component::Component, format_err};

use super::engine::Wasi;

pub(crate) fn compile(_: &[u8], _: Wasi) -> Result<Component> {
    Err(refusal())
}

pub(crate) fn precompile(_: &[u8]) -> Result<Vec<u8>> {
    Err(refusal())
}

pub(crate) fn detect_wasi(_: &[u8]) -> Result<Wasi> {
    Err(refusal())
}

fn refusal() -> Error {
    format_err!(
        "this host was built without a compiler; compile the component with a host that has one (`hello-host compile`), and \
         serve the result with --precompiled"
    )
}
