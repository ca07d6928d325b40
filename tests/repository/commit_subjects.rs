//! scripts/commit-subjects.sh, run in repositories with one commit more than its base.

use std::{fs, path::Path, process::Command};

use tests::{run_to_exit, workspace};

const SCRIPT: &str = "scripts/commit-subjects.sh";

fn git(repository: &Path, arguments: &[&str]) {
    let mut git = Command::new("git");
    git.current_dir(repository)
        .args(["-c", "user.name=test", "-c", "user.email=test@test", "-c", "commit.gpgsign=false"])
        .args(arguments);
    let exit = run_to_exit(git);
    assert!(exit.succeeded(), "{}", exit.output());
}

/// Returns what the script prints about a commit with this subject, or nothing if the subject is valid.
fn complaint(subject: &str) -> String {
    let repository = tempfile::tempdir().expect("a folder");
    let script = repository.path().join(SCRIPT);
    fs::create_dir(repository.path().join("scripts")).expect("a folder");
    fs::copy(workspace().join(SCRIPT), &script).expect("a copy");
    git(repository.path(), &["init", "--quiet"]);
    git(repository.path(), &["add", "--all"]);
    git(repository.path(), &["commit", "--quiet", "--message", "This subject is before the rule"]);
    git(repository.path(), &["commit", "--quiet", "--allow-empty", "--message", subject]);
    let exit = run_to_exit(Command::new(script));
    assert_eq!(exit.succeeded(), exit.stderr.is_empty(), "{subject}: {}", exit.output());
    exit.stderr
}

#[test]
fn subjects_with_an_area_pass() {
    let longest = format!("chart: {}", "x".repeat(65));
    for subject in ["chart: accept node port 0", "host, server: report a limit once", "Release 1.2.3", &longest] {
        assert_eq!(complaint(subject), "", "{subject}");
    }
}

#[test]
fn long_subjects_and_subjects_without_an_area_fail() {
    let too_long = format!("chart: {}", "x".repeat(66));
    for (subject, expected) in [
        ("Accept node port 0", "begin the subject with an area"),
        ("chart:accept node port 0", "begin the subject with an area"),
        (&too_long, "from 73 to 72 characters"),
    ] {
        let complaint = complaint(subject);
        assert!(complaint.contains(expected) && complaint.lines().count() == 1, "{subject}: {complaint}");
    }
}
