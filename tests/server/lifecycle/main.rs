//! From start to exit: readiness, the drain, and each error that prevents a start.

mod code_cache;
mod component_files;
mod drain;
mod invalid_settings;
mod readiness;
mod secrets;
mod slow_start;
mod start;

use tests::Exit;

/// Asserts that a program ended with this code and printed one line that contains all of these parts.
fn assert_one_line_error(exit: &Exit, code: i32, parts: &[&str]) {
    assert_eq!(exit.code, Some(code), "{exit:?}");
    assert_eq!(exit.stderr.lines().count(), 1, "{exit:?}");
    for part in parts {
        assert!(exit.stderr.contains(part), "no {part:?} in {:?}", exit.stderr);
    }
}
