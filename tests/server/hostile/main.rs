//! Hostile input, sent to each runtime as raw bytes. The outcome must be an expected one and the same from each runtime, background
//! traffic must succeed, and nothing may be left afterwards. Third-party hosts get the same input if they are on PATH; their outcomes
//! are only reported.

mod exchange;
mod http1;
mod http2;
mod table;

use std::{
    env,
    process::{Command, ExitCode},
    thread,
    time::Duration,
};

use exchange::exchange;
use table::{Outcome, Row};
use tests::{BackgroundTraffic, OtherHost, RUNTIMES, TIMEOUT, start, update_document, with_background_traffic};

/// Time limit per case for third-party hosts, which may have no time-outs of their own.
const OTHER_HOST_TIMEOUT: Duration = Duration::from_secs(2);

/// Hostile bytes, and the outcomes that are expected.
pub(crate) struct Case {
    /// The number of the attack, by which docs/SECURITY.md groups the cases.
    item: u8,
    name: &'static str,
    bytes: Vec<u8>,
    expected: &'static [&'static str],
}

/// Returns the name of an attack.
pub(crate) fn title(item: u8) -> &'static str {
    match item {
        1 => "malformed request lines and headers",
        2 => "too many or too large headers",
        3 => "targets that are too long",
        4 => "a length and chunks",
        5 => "invalid lengths",
        6 => "disguised Transfer-Encoding",
        7 => "invalid chunks",
        8 => "bodies over the limit",
        9 => "headers that never end",
        10 => "bodies that never end",
        11 => "connections that send nothing",
        13 => "paths that are not UTF-8",
        14 => "1,000 requests at once",
        15 => "hosts that are missing, duplicate or different",
        16 => "Upgrade, CONNECT, TRACE",
        17 => "HTTP/2: floods and invalid frames",
        19 => "input that could forge a log line",
        _ => unreachable!("an item has a title"),
    }
}

/// The outcomes of all cases with one server.
struct Report {
    name: &'static str,
    outcomes: Vec<Outcome>,
    /// The background traffic, which third-party hosts do not get.
    traffic: Option<BackgroundTraffic>,
}

fn main() -> ExitCode {
    let cases: Vec<Case> = http1::cases().into_iter().chain(http2::cases()).collect();
    let others = [("wasmtime serve", OtherHost::wasmtime_serve(&[])), ("spin up", OtherHost::spin_up(&[]))];
    let reports: Vec<Report> = thread::scope(|scope| {
        let cases = &cases;
        let ours = RUNTIMES.map(|(name, command)| scope.spawn(move || attack_server(name, command(), cases)));
        let others = others.into_iter().filter_map(|(name, other)| Some((name, other?)));
        let others = others.map(|(name, other)| scope.spawn(move || attack_other_host(name, &other, cases)));
        let threads: Vec<_> = ours.into_iter().chain(others).collect();
        threads.into_iter().map(|thread| thread.join().expect("the background traffic succeeds")).collect()
    });
    let rows: Vec<Row> = cases.iter().enumerate().map(|(index, case)| Row::new(case, index, &reports)).collect();
    if env::var_os("UPDATE_TABLE").is_some() {
        update_document("docs/SECURITY.md", "make hostile", &table::markdown(&rows, &reports));
    }
    table::print(&rows, &reports)
}

fn attack_other_host(name: &'static str, other: &OtherHost, cases: &[Case]) -> Report {
    let outcome = |case: &Case| Outcome::of(case, exchange(other.address, &case.bytes, OTHER_HOST_TIMEOUT));
    Report { name, outcomes: cases.iter().map(outcome).collect(), traffic: None }
}

fn attack_server(name: &'static str, command: Command, cases: &[Case]) -> Report {
    let time_outs = ["--header-timeout", "300ms", "--idle-timeout", "300ms", "--request-timeout", "500ms"];
    let flags = [&time_outs[..], &["--body-limit", "1MiB", "--access-log", "1"]].concat();
    let server = start(command, &flags);
    let outcome = |case: &Case| Outcome::of(case, exchange(server.address, &case.bytes, TIMEOUT));
    let (outcomes, traffic) = with_background_traffic(&server, "/", || cases.iter().map(outcome).collect());
    server.assert_recovered();
    for line in server.log() {
        assert_ne!(line["status"], 500, "{name}: {line}");
    }
    Report { name, outcomes, traffic: Some(traffic) }
}
