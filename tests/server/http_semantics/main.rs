//! Requirements of HTTP, and behaviour that clients rely on: a trial per case and runtime. Each case is a bug that a comparable server
//! had.

mod components;
mod content;
mod framing;
mod guests;
mod requests;
mod time;

use std::process::{Command, ExitCode};

use libtest_mimic::Trial;
use tests::{RUNTIMES, Server, host_command, run_trials, start};

/// Name, flags of the server, and check of a case.
type Case = (&'static str, &'static [&'static str], fn(&Server));

/// Runtime and file of the misbehaving guests.
const GUESTS: [(&str, &str); 2] = [("wasi-0.2", "guest_p2.wasm"), ("wasi-0.3", "guest_p3.wasm")];

fn trial(runtime: &str, (name, flags, check): Case, command: Command) -> Trial {
    Trial::test(format!("{runtime}: {name}"), move || {
        check(&start(command, flags));
        Ok(())
    })
}

fn main() -> ExitCode {
    let mut trials = Vec::new();
    for (runtime, command) in RUNTIMES {
        let cases = [content::CASES, framing::CASES, requests::CASES, time::CASES].concat();
        trials.extend(cases.into_iter().map(|case| trial(runtime, case, command())));
    }
    for (runtime, guest) in GUESTS {
        trials.extend(guests::CASES.iter().map(|case| trial(runtime, *case, host_command(guest))));
    }
    let (runtime, guest) = GUESTS[0];
    trials.extend(guests::CASES_OF_P2.iter().map(|case| trial(runtime, *case, host_command(guest))));
    trials.extend(components::trials());
    run_trials(trials)
}
