//! The files of the repository, as the programs see them that read such files. Where one is not on PATH, its case is reported as
//! ignored.

use std::{
    fs,
    process::{Command, ExitCode},
};

use libtest_mimic::{Arguments, Failed, Trial};
use tests::{is_missing, run_to_exit, workspace};

/// Programs that must find nothing: each with its arguments, and which files it is given after them.
const CHECKS: [(&str, &[&str], &[&str]); 6] = [
    ("actionlint", &[], &[".github/workflows/*"]),
    ("zizmor", &["--offline", "--quiet", "--no-progress"], &[".github/workflows/*"]),
    ("shellcheck", &[], &["*.sh", ".ci/run"]),
    // What does not fit are texts of several lines, in code.
    ("editorconfig-checker", &["-disable-indent-size"], &[]),
    ("check-jsonschema", &["--builtin-schema", "vendor.renovate"], &[".github/renovate.json"]),
    ("check-jsonschema", &["--builtin-schema", "vendor.github-issue-forms"], &[".github/ISSUE_TEMPLATE/*.yml"]),
];

fn files(patterns: &[&str]) -> Vec<String> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard", "--"]).args(patterns).current_dir(workspace());
    let listed = run_to_exit(git);
    assert!(listed.succeeded(), "{}", listed.output());
    listed.stdout.lines().map(ToOwned::to_owned).collect()
}

fn finds_nothing(program: &str, arguments: &[&str], patterns: &[&str]) -> Result<(), Failed> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(workspace());
    if !patterns.is_empty() {
        let files = files(patterns);
        assert!(!files.is_empty(), "there is no {patterns:?}");
        command.args(files);
    }
    let exit = run_to_exit(command);
    if exit.succeeded() { Ok(()) } else { Err(exit.output().into()) }
}

/// A tag of an action may be moved to other code, a commit not.
fn actions_are_pinned() -> Result<(), Failed> {
    let mut actions = 0;
    for file in files(&[".github/workflows/*"]) {
        let workflow = fs::read_to_string(workspace().join(&file))?;
        for action in workflow.lines().filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix("uses: ")) {
            let commit = action.split_once('@').and_then(|(_, pin)| pin.split_once(" # v")).map(|(commit, _)| commit);
            let is_commit = |commit: &str| commit.len() == 40 && commit.bytes().all(|digit| digit.is_ascii_hexdigit());
            if !commit.is_some_and(is_commit) {
                return Err(format!("{file}: {action} is not pinned by a commit, with its version as a comment").into());
            }
            actions += 1;
        }
    }
    assert!(actions > 0);
    Ok(())
}

/// Cargo.toml has it; the images are built from a tag that names it, too, and workflows install what Cargo.toml has.
fn the_version_of_rust_is_the_same_everywhere() -> Result<(), Failed> {
    let read = |file: &str| fs::read_to_string(workspace().join(file));
    let manifest = read("Cargo.toml")?;
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"'));
    let version = version.ok_or("Cargo.toml has no rust-version")?;
    let dockerfile = read("Dockerfile")?;
    if !dockerfile.contains(&format!("FROM rust:{version}-")) {
        return Err(format!("Cargo.toml has Rust {version}, and Dockerfile builds with another").into());
    }
    let mut installs = 0;
    for file in files(&[".github/workflows/*"]) {
        let workflow = read(&file)?;
        for line in workflow.lines().filter(|line| line.contains("rustup toolchain install")) {
            if !line.ends_with(" \"$rust\"") || !workflow.contains("^rust-version = ") {
                return Err(format!("{file}: {line} does not install the version of Cargo.toml").into());
            }
            installs += 1;
        }
    }
    assert!(installs > 0);
    Ok(())
}

/// Returns whether a command closes its input before the end.
fn closes_early(command: &str) -> bool {
    let mut words = command.split_whitespace();
    match words.next() {
        Some("head") => true,
        Some("grep") => words.any(|word| word == "--quiet" || word.starts_with("-q")),
        _ => false,
    }
}

/// A program that writes into a closed pipe is ended by SIGPIPE, and with `pipefail` the script ends, too. This depends on how much
/// the program prints and when, so a script can pass many times before it fails.
fn scripts_read_pipes_to_the_end() -> Result<(), Failed> {
    let mut pipes = 0;
    for file in files(&["*.sh", ".ci/run", "Makefile", ".github/workflows/*"]) {
        for (number, line) in (1..).zip(fs::read_to_string(workspace().join(&file))?.lines()) {
            for command in line.split(" | ").skip(1) {
                pipes += 1;
                if closes_early(command) {
                    let fix = "use `sed -n 1p` or [[ … == … ]]";
                    return Err(format!("{file}:{number}: `{command}` closes the pipe too early; {fix}").into());
                }
            }
        }
    }
    assert!(pipes > 0);
    Ok(())
}

fn main() -> ExitCode {
    let mut trials = vec![
        Trial::test("actions are pinned", actions_are_pinned),
        Trial::test("the version of Rust is the same everywhere", the_version_of_rust_is_the_same_everywhere),
        Trial::test("scripts read pipes to the end", scripts_read_pipes_to_the_end),
    ];
    for (name, arguments, patterns) in CHECKS {
        let missing = is_missing(name);
        let title = [&[name], arguments, patterns].concat().join(" ");
        let trial = Trial::test(title, move || finds_nothing(name, arguments, patterns));
        trials.push(trial.with_ignored_flag(missing));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
