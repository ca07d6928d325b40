//! Input that means harm, put to every runtime as raw bytes. Each gets an answer that was expected, the same from every runtime of
//! ours, while the requests of others succeed; then nothing is left behind. Other hosts of the component are asked as well, where
//! they are on PATH, and what they do is only told.

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
use tests::{Bystanders, OtherHost, PATIENCE, RUNTIMES, Server, update_document, with_bystanders};

/// How long others, which may have no time-outs at all, get for a case.
const LITTLE_PATIENCE: Duration = Duration::from_secs(2);

/// Bytes, and what may come of them.
pub(crate) struct Case {
    /// The number of what it is about, by which docs/SECURITY.md sums up.
    item: u8,
    what: &'static str,
    sent: Vec<u8>,
    expected: &'static [&'static str],
}

/// What an item is about.
pub(crate) fn title(item: u8) -> &'static str {
    match item {
        1 => "malformed request lines and headers",
        2 => "too many headers, too large ones",
        3 => "targets that are too long",
        4 => "a length, and chunks as well",
        5 => "lengths that are none",
        6 => "disguised Transfer-Encoding",
        7 => "chunks that are none",
        8 => "bodies over the limit",
        9 => "headers that never end",
        10 => "bodies that never end",
        11 => "connections that say nothing",
        13 => "paths that are no text",
        14 => "1,000 requests at once",
        15 => "hosts that are missing, twice, or do not match",
        16 => "Upgrade, CONNECT, TRACE",
        17 => "HTTP/2: floods, and frames that are wrong",
        19 => "what could forge a line of the log",
        _ => unreachable!("an item has a title"),
    }
}

/// What one server did, case by case.
struct Tried {
    name: &'static str,
    outcomes: Vec<Outcome>,
    /// Of ours.
    bystanders: Option<Bystanders>,
}

fn main() -> ExitCode {
    let cases: Vec<Case> = http1::cases().into_iter().chain(http2::cases()).collect();
    let others = [("wasmtime serve", OtherHost::wasmtime_serve(&[])), ("spin up", OtherHost::spin_up(&[]))];
    let tried: Vec<Tried> = thread::scope(|scope| {
        let cases = &cases;
        let ours = RUNTIMES.map(|(name, start)| scope.spawn(move || try_ours(name, start(), cases)));
        let others = others.into_iter().filter_map(|(name, other)| Some((name, other?)));
        let others = others.map(|(name, other)| scope.spawn(move || try_other(name, &other, cases)));
        let threads: Vec<_> = ours.into_iter().chain(others).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let rows: Vec<Row> = cases.iter().enumerate().map(|(index, case)| Row::new(case, index, &tried)).collect();
    if env::var_os("UPDATE_TABLE").is_some() {
        update_document("docs/SECURITY.md", "make hostile", &table::markdown(&rows, &tried));
    }
    table::print(&rows, &tried)
}

fn try_other(name: &'static str, other: &OtherHost, cases: &[Case]) -> Tried {
    let outcome = |case: &Case| Outcome::of(case, exchange(other.address, &case.sent, LITTLE_PATIENCE));
    Tried { name, outcomes: cases.iter().map(outcome).collect(), bystanders: None }
}

fn try_ours(name: &'static str, mut command: Command, cases: &[Case]) -> Tried {
    command.args([
        "--header-timeout",
        "300ms",
        "--idle-timeout",
        "300ms",
        "--request-timeout",
        "500ms",
        "--body-limit",
        "1MiB",
    ]);
    command.args(["--access-log", "1"]);
    let server = Server::start(command);
    let outcome = |case: &Case| Outcome::of(case, exchange(server.address, &case.sent, PATIENCE));
    let (outcomes, bystanders) = with_bystanders(&server, "/", || cases.iter().map(outcome).collect());
    server.settle();
    for line in server.log() {
        assert_ne!(line["status"], 500, "{name}: {line}");
    }
    Tried { name, outcomes, bystanders: Some(bystanders) }
}
