//! The page at `/` in a browser, by the tests of page.py. Without Chromium and the programs of python-tools.sh on PATH they are
//! reported as ignored.

use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Trial};
use tests::{is_missing, run_to_exit, workspace};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let is_ignored = ["pytest-playwright", "chromium"].into_iter().any(is_missing);
    let trial = Trial::test("the page in a browser", || {
        let mut pytest = Command::new("pytest-playwright");
        pytest.current_dir(workspace()).args(["-q", "-p", "no:cacheprovider", "tests/contract/page.py"]);
        pytest.env("PYTHONDONTWRITEBYTECODE", "1");
        let exit = run_to_exit(pytest);
        if exit.succeeded() { Ok(()) } else { Err(exit.output().into()) }
    });
    libtest_mimic::run(&arguments, vec![trial.with_ignored_flag(is_ignored)]).exit_code()
}
