//! What stands in for `compiler` in a host that was built without it.

use wasmtime::{Config, Engine, Error, Result, component::Component, format_err};

use crate::engine::Wasi;

pub(crate) fn keep_compiled(_: &mut Config) {}

pub(crate) fn load(_: &Engine, _: &[u8]) -> Result<Component> {
    Err(refusal())
}

pub(crate) fn precompile(_: &[u8]) -> Result<Vec<u8>> {
    Err(refusal())
}

pub(crate) fn wasi_of(_: &[u8]) -> Result<Wasi> {
    Err(refusal())
}

fn refusal() -> Error {
    format_err!(
        "this host was built without a compiler; compile the component with a host that has one (`hello-host compile`), and \
         serve the result with --precompiled"
    )
}
