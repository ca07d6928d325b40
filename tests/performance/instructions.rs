//! Instructions per request of the programs in `dist/`, which do not depend on what else the machine does: a change that costs over
//! 3 % more than the baseline in `instructions.json` fails. `make instructions` updates that file.

use std::{
    collections::BTreeMap,
    env, fs,
    process::{Command, ExitCode},
};

use libtest_mimic::{Arguments, Failed, Trial};
use serde::{Deserialize, Serialize};
use tests::{compile, dist, host_precompiled, instructions_per_request, native, program, run_to_exit, workspace};

/// By how much a count may exceed the baseline.
const TOLERANCE: f64 = 0.03;

/// How often it is counted before a count is taken for what a request costs. How the threads of a run meet moves a native count by up
/// to 2 %.
const TRIES: u32 = 3;

/// What a request has cost, and what it depends on besides the source.
#[derive(Deserialize, Serialize, PartialEq)]
struct Baseline {
    /// The version of the compiler.
    rustc: String,
    /// As in `std::env::consts::ARCH`.
    arch: String,
    /// Instructions per request, by runtime.
    instructions: BTreeMap<String, u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let file = workspace().join("tests/performance/instructions.json");
    let baseline: Baseline = serde_json::from_slice(&fs::read(&file).expect("a baseline")).expect("a baseline");
    let (rustc, arch) = (rustc_version(), env::consts::ARCH.to_owned());

    if env::var_os("UPDATE_BASELINE").is_some() {
        let names = baseline.instructions.keys().cloned();
        let instructions = names.map(|name| (name.clone(), count(&name))).collect();
        let baseline = serde_json::to_string_pretty(&Baseline { rustc, arch, instructions }).expect("JSON");
        println!("{baseline}");
        fs::write(file, baseline + "\n").expect("the baseline can be written");
        return ExitCode::SUCCESS;
    }

    let reason = if program("valgrind").is_none() {
        Some("valgrind is not on PATH".to_owned())
    } else if (&rustc, &arch) != (&baseline.rustc, &baseline.arch) {
        Some(format!("the baseline is of rustc {} on {}, this is {rustc} on {arch}", baseline.rustc, baseline.arch))
    } else {
        env::var("CARGO_PROFILE_RELEASE_LTO").ok().map(|lto| format!("the programs were linked with LTO {lto}"))
    };
    if let Some(reason) = &reason {
        eprintln!("skipped: instruction counts, for {reason}");
    }
    let trial = |(name, expected): (String, u64)| {
        let title = format!("a request costs no more instructions than before: {name}");
        Trial::test(title, move || check(&name, expected)).with_ignored_flag(reason.is_some())
    };
    let trials = baseline.instructions.into_iter().map(trial).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
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
            format!("{measured} instructions a request, {:+.1} % against the baseline of {expected}", change * 100.0);
        println!("{name}: {comparison}");
        if change <= TOLERANCE {
            return Ok(());
        }
    }
    Err(format!("{comparison}; if that is worth it, `make instructions` sets the new one, in the commit that says why")
        .into())
}

fn count(name: &str) -> u64 {
    if name == "native" {
        return instructions_per_request(native);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let code = compile(&dist(&format!("hello-{name}.wasm")), folder.path());
    instructions_per_request(|| host_precompiled(&dist("hello-host"), &code))
}
