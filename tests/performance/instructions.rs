//! Instructions per request of the programs in `dist/`, which do not depend on the load of the machine. A test fails if the count exceeds
//! the baseline in `instructions.json` by more than 3 %. `make instructions` updates that file.

use std::{
    collections::BTreeMap,
    env, fs,
    process::{Command, ExitCode},
};

use libtest_mimic::Failed;
use serde::{Deserialize, Serialize};
use tests::{
    Missing, compile_component, dist_file, instructions_per_request, native_command, precompiled_host_command,
    run_to_exit, run_trials, trial, trials_or_one, workspace,
};

/// Fraction by which a count may exceed the baseline.
const TOLERANCE: f64 = 0.03;

/// Number of counts of which one has to be low enough. The scheduling of threads changes the native count by up to 2 %.
const TRIES: u32 = 3;

/// Counts, and what they depend on besides the source.
#[derive(Deserialize, Serialize, PartialEq)]
struct Baseline {
    /// The version of the compiler.
    rustc: String,
    /// As in `std::env::consts::ARCH`.
    arch: String,
    /// Instructions per request, by runtime.
    instructions: BTreeMap<String, u64>,
}

/// Reasons for which CI may ignore the counts.
const OTHER_ARCHITECTURE: &str = "a baseline of this architecture";
const OTHER_LTO: &str = "programs with the LTO of a release";

fn main() -> ExitCode {
    let file = workspace().join("tests/performance/instructions.json");
    let baseline: Baseline =
        serde_json::from_slice(&fs::read(&file).expect("the baseline is read")).expect("it is JSON");
    let (rustc, arch) = (rustc_version(), env::consts::ARCH.to_owned());

    if env::var_os("UPDATE_BASELINE").is_some() {
        let names = baseline.instructions.keys().cloned();
        let instructions = names.map(|name| (name.clone(), count(&name))).collect();
        let baseline = serde_json::to_string_pretty(&Baseline { rustc, arch, instructions }).expect("it is JSON");
        println!("{baseline}");
        fs::write(file, baseline + "\n").expect("the baseline is written");
        return ExitCode::SUCCESS;
    }

    // The counts depend on all of these.
    let missing = Missing::programs(&["valgrind"])
        .or_else(|| Missing::unless(arch == baseline.arch, OTHER_ARCHITECTURE))
        .or_else(|| Missing::unless(env::var_os("CARGO_PROFILE_RELEASE_LTO").is_none(), OTHER_LTO))
        .or_else(|| Missing::unless(rustc == baseline.rustc, &format!("a baseline of rustc {rustc}")));
    let each_runtime = baseline.instructions.into_iter().map(|(name, expected)| {
        let title = format!("{name}: a request needs no more instructions than the baseline");
        trial(title, None, move || check(&name, expected))
    });
    run_trials(trials_or_one("instructions per request", missing, each_runtime))
}

fn rustc_version() -> String {
    let mut rustc = Command::new("rustc");
    rustc.arg("--version");
    let version = run_to_exit(rustc).stdout;
    version.split_whitespace().nth(1).unwrap_or_default().to_owned()
}

#[allow(clippy::cast_precision_loss)]
fn check(name: &str, expected: u64) -> Result<(), Failed> {
    let mut comparison = String::new();
    for _ in 0..TRIES {
        let measured = count(name);
        let change = measured as f64 / expected as f64 - 1.0;
        comparison =
            format!("{measured} instructions per request, {:+.1} % against the baseline of {expected}", change * 100.0);
        println!("{name}: {comparison}");
        if change <= TOLERANCE {
            return Ok(());
        }
    }
    Err(format!("{comparison}; if the change is worth it, run `make instructions`, and give the reason in the commit")
        .into())
}

fn count(name: &str) -> u64 {
    if name == "native" {
        return instructions_per_request(native_command);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let code = compile_component(&dist_file(&format!("hello-{name}.wasm")), folder.path());
    instructions_per_request(|| precompiled_host_command(&dist_file("hello-host"), &code))
}
