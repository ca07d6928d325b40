//! The report: rows of a mark, a subject, and its state or the command that fixes it.

use std::{
    env,
    io::{self, IsTerminal},
};

const RED: &str = "\u{1b}[31m";
const GREEN: &str = "\u{1b}[32m";
const GREY: &str = "\u{1b}[90m";
const BOLD: &str = "\u{1b}[1m";
const RESET: &str = "\u{1b}[0m";

/// Writer of the report to standard output, in colour on a terminal.
pub(crate) struct Report {
    has_color: bool,
}

impl Report {
    pub(crate) fn new() -> Self {
        let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Report { has_color: io::stdout().is_terminal() && !no_color }
    }

    pub(crate) fn title(&self, title: &str) {
        println!("\n{}", self.color(BOLD, title));
    }

    pub(crate) fn ok(&self, subject: &str, state: &str) {
        self.row(GREEN, "ok", subject, state);
    }

    pub(crate) fn bad(&self, subject: &str, fix: &str) {
        self.row(RED, "!!", subject, fix);
    }

    /// Reports a missing requirement of an optional feature.
    pub(crate) fn optional(&self, subject: &str, fix: &str) {
        self.row(GREY, "--", subject, fix);
    }

    /// Reports that the user is not allowed to list these objects.
    pub(crate) fn invisible(&self, subject: &str) {
        self.optional(subject, "not visible to you: your user may not list these in the whole cluster");
    }

    /// Prints the message of Kubernetes or the program, below the row that explains it.
    pub(crate) fn quote(&self, message: &str) {
        let start: String = message.chars().take(400).collect();
        self.row("", "", "", &self.color(GREY, &format!("said: {start}")));
    }

    fn row(&self, color: &str, mark: &str, subject: &str, text: &str) {
        println!("  {}  {subject:<21} {text}", self.color(color, &format!("{mark:<2}")));
    }

    fn color(&self, color: &str, text: &str) -> String {
        if self.has_color { format!("{color}{text}{RESET}") } else { text.to_owned() }
    }
}
