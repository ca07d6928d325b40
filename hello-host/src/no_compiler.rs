//! What stands in for `compiler` in a host that was built without it.

use std::path::Path;

use wasmtime::{Config, Engine, Error, Result, component::Component, format_err};

pub(crate) fn keep_compiled(_: &mut Config) {}

pub(crate) fn load(_: &Engine, _: &Path) -> Result<Component> {
    Err(refusal())
}

pub(crate) fn precompile(_: Config, _: &[u8]) -> Result<Vec<u8>> {
    Err(refusal())
}

fn refusal() -> Error {
    format_err!(
        "this host was built without a compiler; compile the component with a host that has one (`hello-host compile`), and \
         serve the result with --precompiled"
    )
}
