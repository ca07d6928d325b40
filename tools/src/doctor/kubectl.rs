//! Calls of kubectl. An object that cannot be read counts as absent, unless the user is not allowed to read it.

use std::process::{Command, Stdio};

/// Output of a call of kubectl.
pub(crate) struct Output {
    /// Standard output, without the newlines at its end.
    pub(crate) text: String,
    errors: String,
}

impl Output {
    /// Returns whether the user is not allowed to read this.
    pub(crate) fn is_forbidden(&self) -> bool {
        self.errors.to_lowercase().contains("forbidden")
    }
}

/// Runs kubectl with a time limit. A cluster that does not respond must not block the report.
pub(crate) fn run(arguments: &[&str]) -> Output {
    call(&[&["--request-timeout=5s"], arguments].concat()).unwrap_or_else(|output| output)
}

/// Reads a path of an object, or of a list as a whole.
pub(crate) fn read(path: &str, arguments: &[&str]) -> Output {
    run(&[&["get"], arguments, &["--output", &format!("jsonpath={path}")]].concat())
}

/// Reads a path of each object of a list, a line per object.
pub(crate) fn read_each(path: &str, arguments: &[&str]) -> Output {
    read(&format!("{{range .items[*]}}{path}{{'\\n'}}{{end}}"), arguments)
}

/// Returns the path of a condition's field.
pub(crate) fn condition(kind: &str, field: &str) -> String {
    format!("{{.status.conditions[?(@.type==\"{kind}\")].{field}}}")
}

/// Splits a line of fields at its bars. The last field may have bars of its own.
pub(crate) fn fields<const COUNT: usize>(line: &str) -> [&str; COUNT] {
    let mut fields = line.splitn(COUNT, '|');
    [(); COUNT].map(|()| fields.next().unwrap_or_default())
}

/// Returns the name of the current context, which is empty if there is none.
///
/// # Errors
/// The reason why kubectl cannot read its configuration.
pub(crate) fn current_context() -> Result<String, String> {
    match call(&["config", "current-context"]) {
        Ok(output) => Ok(output.text),
        Err(output) => {
            let mut errors = output.errors.lines().filter(|line| !line.contains("current-context is not set"));
            match errors.next_back() {
                Some(reason) => Err(reason.strip_prefix("error: ").unwrap_or(reason).to_owned()),
                None => Ok(String::new()),
            }
        }
    }
}

/// Returns the version of the cluster.
///
/// # Errors
/// Everything that kubectl printed, if the cluster does not respond.
pub(crate) fn server_version() -> Result<String, String> {
    let Output { text, errors } = run(&["version"]);
    match text.lines().find_map(|line| line.strip_prefix("Server Version: v")) {
        Some(version) => Ok(version.to_owned()),
        None => Err(format!("{text}\n{errors}").trim().to_owned()),
    }
}

/// Runs kubectl without standard input: it would ask on a terminal for the name of a user.
fn call(arguments: &[&str]) -> Result<Output, Output> {
    let Ok(output) = Command::new("kubectl").args(arguments).stdin(Stdio::null()).output() else {
        return Err(Output { text: String::new(), errors: String::new() });
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\n').to_owned();
    let printed = Output { text: text(&output.stdout), errors: text(&output.stderr) };
    if output.status.success() { Ok(printed) } else { Err(printed) }
}
