//! A machine on which the doctor runs.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use tempfile::TempDir;
use tests::{Exit, find_program, run_to_exit, workspace};

/// A machine whose PATH has only the programs that a test selects.
pub(crate) struct Machine(TempDir);

impl Machine {
    /// Only the tools that each machine has.
    fn bare() -> Self {
        let machine = Machine(tempfile::tempdir().expect("a temporary folder"));
        for name in [
            "bash", "cut", "dirname", "env", "grep", "head", "mkdir", "mktemp", "rm", "sed", "sh", "sort", "tail",
            "tr", "uname",
        ] {
            machine.link(name);
        }
        machine
    }

    /// The required programs, linked to those of this machine, and 8,000 MiB of memory.
    pub(crate) fn sufficient() -> Self {
        let machine = Machine::bare();
        for name in ["as", "cargo", "cc", "ld", "make", "rustc", "rustup"] {
            machine.link(name);
        }
        machine.with_memory(8000)
    }

    pub(crate) fn with_memory(self, available: u32) -> Self {
        self.with("free", &format!("echo 'Mem: 16000 1000 100 10 1000 {available}'"))
    }

    fn link(&self, name: &str) {
        if let Some(real) = find_program(name) {
            symlink(real, self.path().join(name)).expect("the program is linked");
        }
    }

    pub(crate) fn without(self, name: &str) -> Self {
        fs::remove_file(self.path().join(name)).expect("the program was there");
        self
    }

    /// Adds a fake program. A child process writes it: a file that any thread here has open cannot be executed.
    pub(crate) fn with(self, name: &str, script: &str) -> Self {
        let path = self.path().join(name);
        _ = fs::remove_file(&path);
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"printf '#!/bin/sh\n%s\n' "$2" >"$1" && chmod +x "$1""#, "sh"]).arg(path).arg(script);
        assert!(run_to_exit(shell).succeeded());
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn doctor(&self) -> Exit {
        let mut script = Command::new(self.path().join("bash"));
        script.arg(workspace().join("scripts/doctor.sh")).env("PATH", self.path());
        run_to_exit(script)
    }

    /// Asserts that the doctor exits with this code and reports these lines.
    pub(crate) fn assert_report(&self, code: i32, lines: &[(&str, &str)]) {
        let exit = self.doctor();
        assert_eq!(exit.code, Some(code), "{}", exit.output());
        assert_eq!(exit.stderr, "");
        assert_lines(&exit, lines);
    }
}

/// Asserts that the report has these lines, each given by its subject and a part of its text.
pub(crate) fn assert_lines(exit: &Exit, lines: &[(&str, &str)]) {
    let has_line = |subject: &str, text: &str| {
        let starts_with_subject = |line: &str| line.get(6..).is_some_and(|line| line.starts_with(subject));
        exit.stdout.lines().any(|line| starts_with_subject(line) && line.contains(text))
    };
    for (subject, text) in lines {
        assert!(has_line(subject, text), "no {text:?} for {subject} in:\n{}", exit.stdout);
    }
}

/// The lines of a machine that can run hello.
pub(crate) const WORKS: [(&str, &str); 2] =
    [("native here", "works: make run RUNTIME=native"), ("wasm here", "works: make run")];
