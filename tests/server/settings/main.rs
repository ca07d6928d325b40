//! Settings that mean the same to each runtime and to the chart: a trial per case and runtime.

mod listen;
mod service;

use std::process::{Command, ExitCode};

use tests::{Missing, RUNTIMES, run_trials, trial};

/// Name, programs that it needs, and check of a case. The check starts the server by its command.
type Case = (&'static str, &'static [&'static str], fn(Command));

const CASES: [Case; 6] = [
    ("[::] accepts connections over IPv4 and IPv6", &[], listen::both_address_families),
    ("[::] is IPv4 alone if the kernel has no IPv6", &["strace"], listen::kernel_without_ipv6),
    ("a misspelt setting is rejected", &[], service::misspelt_setting_is_rejected),
    ("settings of the host are accepted", &[], service::settings_of_the_host_are_accepted),
    ("an empty message or color is the default", &[], service::empty_setting_is_the_default),
    ("colors are validated as by the chart", &["helm"], service::colors_are_validated_as_by_the_chart),
];

fn main() -> ExitCode {
    let mut trials = Vec::new();
    for (runtime, command) in RUNTIMES {
        trials.extend(CASES.map(|(name, programs, check)| {
            trial(format!("{runtime}: {name}"), Missing::programs(programs), move || {
                check(command());
                Ok(())
            })
        }));
    }
    trials.push(trial(
        "hosts for outbound requests are validated as by the chart",
        Missing::programs(&["helm"]),
        || {
            service::outbound_hosts_are_validated_as_by_the_chart();
            Ok(())
        },
    ));
    run_trials(trials)
}
