//! Metrics and spans as a real Prometheus and a real OpenTelemetry Collector receive them, and the chart's alerts and dashboard on these
//! metrics.

mod accounts;
mod alerts;
mod collector;
mod metrics;
mod pods;
mod spans;

use std::process::{Command, ExitCode};

use libtest_mimic::{Failed, Trial};
use tests::{Missing, RUNTIMES, host_command, run_trials, trial};

/// Name, programs that it needs, and check of a case.
type Case = (&'static str, &'static [&'static str], fn() -> Result<(), Failed>);

const CASES: [Case; 8] = [
    ("alerts fire when they should, and only then", &["helm", "promtool"], alerts::alerts_pass_their_tests),
    (
        "Prometheus counts each request, and each dashboard query has a result",
        &["helm", "prometheus"],
        pods::prometheus_counts_each_request,
    ),
    ("the number of series is bounded", &["helm", "prometheus"], metrics::number_of_series_is_bounded),
    ("the span of a guest that traps has failed", &["otelcol"], || {
        spans::span_of_a_trapped_guest_has_failed();
        Ok(())
    }),
    ("the Collector accepts its configuration in the docs", &["otelcol"], spans::collector_accepts_its_configuration),
    ("a Collector is reached by its IPv6 address", &[], spans::collector_is_reached_by_ipv6),
    ("invalid settings without effect are accepted", &[], || {
        spans::settings_without_effect_are_accepted();
        Ok(())
    }),
    ("settings that cannot work are rejected", &[], spans::invalid_settings_are_rejected),
];

/// Name, programs that it needs, and check of a case for each runtime. The check starts the server by its command.
type RuntimeCase = (&'static str, &'static [&'static str], fn(&str, Command));

const RUNTIME_CASES: [RuntimeCase; 4] = [
    ("metrics pass promtool", &["promtool"], metrics::metrics_pass_promtool),
    ("metrics, access log and spans agree with the client", &["otelcol"], accounts::requests_are_accounted_for),
    ("a Collector receives the spans of requests", &["otelcol"], spans::collector_receives_the_spans),
    ("requests succeed without a Collector", &[], spans::requests_succeed_without_a_collector),
];

/// Runtime and file of the misbehaving guests.
const GUESTS: [(&str, &str); 2] = [("wasi-0.2", "guest_p2.wasm"), ("wasi-0.3", "guest_p3.wasm")];

const GUEST_CASES: [RuntimeCase; 2] = [
    (
        "metrics, access log and spans agree with the client of a misbehaving guest",
        &["otelcol"],
        accounts::misbehaving_guests_are_accounted_for,
    ),
    ("the trace includes outbound requests of a guest", &["otelcol"], spans::trace_includes_outbound_requests),
];

fn runtime_trial(runtime: &'static str, (name, programs, check): RuntimeCase, command: Command) -> Trial {
    trial(format!("{runtime}: {name}"), Missing::programs(programs), move || {
        check(runtime, command);
        Ok(())
    })
}

fn main() -> ExitCode {
    let mut trials: Vec<_> =
        CASES.into_iter().map(|(name, programs, check)| trial(name, Missing::programs(programs), check)).collect();
    for program in ["prometheus", "prometheus-of-pods"] {
        let name = format!("{program}: each latency bound of the schema has a series");
        let missing = Missing::programs(&["helm", program]);
        trials.push(trial(name, missing, move || alerts::latency_bounds_have_series(program)));
    }
    for (runtime, command) in RUNTIMES {
        trials.extend(RUNTIME_CASES.map(|case| runtime_trial(runtime, case, command())));
    }
    for (runtime, guest) in GUESTS {
        trials.extend(GUEST_CASES.map(|case| runtime_trial(runtime, case, host_command(guest))));
    }
    // Only a guest of WASI 0.2 can exit.
    let exiting: RuntimeCase = (
        "metrics, access log and spans agree with the client of a guest that exits",
        &["otelcol"],
        accounts::exiting_guest_is_accounted_for,
    );
    trials.push(runtime_trial("wasi-0.2", exiting, host_command("guest_p2.wasm")));
    run_trials(trials)
}
