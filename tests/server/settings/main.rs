//! Settings that mean the same to each runtime and to the chart: a trial for each of them.

mod listen;
mod service;

use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Trial};
use tests::{RUNTIMES, is_missing};

/// What is to hold, of a program that is to be started.
type Case = (&'static str, fn(Command));

const CASES: [Case; 4] = [
    ("[::] takes connections over IPv4 and IPv6", listen::over_both),
    ("a setting that is misspelt is refused", service::misspelt),
    ("settings of the host are accepted", service::settings_of_host),
    ("an empty message or color is the default", service::empty),
];

fn main() -> ExitCode {
    let (strace, helm) = (is_missing("strace"), is_missing("helm"));
    let mut trials = Vec::new();
    for (runtime, start) in RUNTIMES {
        let trial = |(name, check): Case| {
            Trial::test(format!("{runtime}: {name}"), move || {
                check(start());
                Ok(())
            })
        };
        trials.extend(CASES.map(trial));
        trials.push(
            trial(("[::] is IPv4 alone if the kernel has no IPv6", listen::without_ipv6)).with_ignored_flag(strace),
        );
        trials.push(
            trial(("colors are judged as by the chart", |command| service::colors(&command))).with_ignored_flag(helm),
        );
    }
    trials.push(
        Trial::test("hosts for outbound requests are judged as by the chart", || {
            service::outbound_hosts();
            Ok(())
        })
        .with_ignored_flag(helm),
    );
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
