//! Compiling a component ahead of time.

use std::path::Path;

use super::{
    compiler,
    component_file::{check_header, read},
    machine_code,
};
use crate::error_line::one_line;

/// Compiles a component into `output`, and writes the digest of that into `output.sha256`. Returns the digest.
///
/// # Errors
/// One line: what could not be read, compiled or written.
pub(crate) fn precompile(file: &Path, output: &Path) -> Result<String, String> {
    let bytes = read(file)?;
    check_header(&bytes).map_err(|reason| format!("cannot compile {}: {reason}", file.display()))?;
    let code = compiler::precompile(&bytes)
        .map_err(|error| format!("cannot compile {}: {}", file.display(), one_line(&error)))?;
    machine_code::write(output, &code)
}
