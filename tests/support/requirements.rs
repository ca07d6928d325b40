//! Programs and rights that a test needs and a machine may lack. Without one of them the test is ignored with the reason. With
//! `REQUIRE_PROGRAMS=1`, which CI sets, it fails instead.

use std::{env, process::ExitCode};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::find_program;

/// The variable that turns a missing program into a failure.
const REQUIRE_PROGRAMS: &str = "REQUIRE_PROGRAMS";

/// Programs and rights that CI cannot have, each with the reason. Tests that need one are ignored there, too.
const NOT_IN_CI: [(&str, &str); 6] = [
    ("spin", "its release is in no registry that CI uses"),
    ("wasmtime", "it takes ten minutes to compile, and hello-host is the same engine"),
    ("prometheus-of-pods", "it is built with the cluster, which not every job has"),
    ("the right to create control groups", "only root has it"),
    ("a baseline of this architecture", "the baseline is of x86_64"),
    ("programs with the LTO of a release", "CARGO_PROFILE_RELEASE_LTO is set on purpose"),
];

/// A requirement of a test that this machine lacks.
#[derive(Clone)]
pub struct Missing {
    reason: String,
    is_failure: bool,
}

impl Missing {
    /// Programs that are not on PATH.
    #[must_use]
    pub fn programs(names: &[&str]) -> Option<Self> {
        let missing: Vec<_> = names.iter().copied().filter(|name| find_program(name).is_none()).collect();
        Self::of(&missing, &format!("not on PATH: {}", missing.join(", ")))
    }

    /// Any other requirement, such as a right.
    #[must_use]
    pub fn unless(is_available: bool, name: &str) -> Option<Self> {
        Self::of(if is_available { &[] } else { std::slice::from_ref(&name) }, &format!("missing: {name}"))
    }

    fn of(names: &[&str], reason: &str) -> Option<Self> {
        let is_expected = |name: &&str| NOT_IN_CI.iter().any(|(excepted, _)| excepted == name);
        let is_failure = env::var_os(REQUIRE_PROGRAMS).is_some() && !names.iter().all(is_expected);
        (!names.is_empty()).then(|| Missing { reason: reason.to_owned(), is_failure })
    }
}

/// Returns a trial that runs the check. If something is missing, the trial is ignored or fails.
pub fn trial(
    name: impl Into<String>,
    missing: Option<Missing>,
    check: impl FnOnce() -> Result<(), Failed> + Send + 'static,
) -> Trial {
    Trial::ignorable_test(name, move || match missing {
        None => check().map(|()| Completion::Completed),
        Some(Missing { reason, is_failure: false }) => Ok(Completion::ignored_with(reason)),
        Some(Missing { reason, is_failure: true }) => {
            Err(format!("{reason}; with {REQUIRE_PROGRAMS} this is a failure").into())
        }
    })
}

/// Returns the trials, or a single one with this name in their place if something is missing.
pub fn trials_or_one(name: &str, missing: Option<Missing>, trials: impl IntoIterator<Item = Trial>) -> Vec<Trial> {
    match missing {
        None => trials.into_iter().collect(),
        missing => vec![trial(name, missing, || Ok(()))],
    }
}

/// Runs the trials as the arguments of the program select them.
#[must_use]
pub fn run_trials(trials: Vec<Trial>) -> ExitCode {
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
