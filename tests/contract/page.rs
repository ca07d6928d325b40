//! The page at `/` in a browser: runs the tests of page.py, which test each runtime.

use std::process::{Command, ExitCode};

use tests::{Missing, run_to_exit, run_trials, trial, workspace};

fn main() -> ExitCode {
    let missing = Missing::programs(&["pytest-playwright", "chromium"]);
    run_trials(vec![trial("the page in a browser", missing, || {
        let mut pytest = Command::new("pytest-playwright");
        pytest.current_dir(workspace()).args(["-q", "-p", "no:cacheprovider", "tests/contract/page.py"]);
        pytest.env("PYTHONDONTWRITEBYTECODE", "1");
        let exit = run_to_exit(pytest);
        Ok(exit.require(exit.succeeded())?)
    })])
}
