//! What HTTP asks of a server and what its clients rely on, for each runtime: a trial for each case and runtime. The cases stand for
//! faults that comparable servers had.

mod components;
mod content;
mod framing;
mod guests;
mod requests;
mod time;

use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Trial};
use tests::{RUNTIMES, Server, host};

/// What is to hold, of a server that was started with these flags.
type Case = (&'static str, &'static [&'static str], fn(&Server));

/// Components of the tests' own, which do what hello does not.
const GUESTS: [(&str, &str); 2] = [("wasi-0.2", "guest_p2.wasm"), ("wasi-0.3", "guest_p3.wasm")];

fn trial(runtime: &str, (name, flags, check): Case, mut command: Command) -> Trial {
    Trial::test(format!("{runtime}: {name}"), move || {
        command.args(flags);
        check(&Server::start(command));
        Ok(())
    })
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for (runtime, start) in RUNTIMES {
        let cases = [content::CASES, framing::CASES, requests::CASES, time::CASES].concat();
        trials.extend(cases.into_iter().map(|case| trial(runtime, case, start())));
    }
    for (runtime, guest) in GUESTS {
        trials.extend(guests::CASES.iter().map(|case| trial(runtime, *case, host(guest))));
    }
    let (of_p2, guest) = GUESTS[0];
    trials.extend(guests::CASES_OF_P2.iter().map(|case| trial(of_p2, *case, host(guest))));
    trials.extend(components::trials());
    libtest_mimic::run(&arguments, trials).exit_code()
}
