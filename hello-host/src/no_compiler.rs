//! What stands in for `compiler` in a host that was built without it.

use wasmtime::{Error, Result, format_err};

use crate::{engine::Wasi, machine_code::MachineCode};

pub(crate) fn compile_or_take_kept(_: &[u8], _: Wasi) -> Result<MachineCode> {
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
