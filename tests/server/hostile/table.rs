//! The outcome of each case in words that can be compared, and the tables of outcomes.

use std::{collections::BTreeMap, fmt::Write, process::ExitCode};

use tests::RUNTIMES;

use crate::{Case, Report};

/// The outcome of one case with one server.
pub(crate) struct Outcome {
    text: String,
    is_expected: bool,
}

impl Outcome {
    pub(crate) fn of(case: &Case, received: Option<Vec<u8>>) -> Self {
        let text = received.map_or("hangs".to_owned(), |received| summarize(&received));
        let is_expected = case.expected.contains(&text.as_str());
        Outcome { text, is_expected }
    }
}

/// Returns the statuses of all complete responses. Of HTTP/2 these are the statuses of the static table, and the frames that end streams
/// or the connection.
fn summarize(received: &[u8]) -> String {
    let words = if received.starts_with(b"HTTP/") { statuses(received) } else { frames(received) };
    if words.len() > 2 && words.iter().enumerate().all(|(index, word)| is_in_order(index, word, words.len())) {
        return format!("{} in order", words.len());
    }
    if words.is_empty() { "no response".to_owned() } else { words.join(" ") }
}

/// Whether a status is the one that the pipelined requests of `http1` have at this index.
fn is_in_order(index: usize, word: &str, count: usize) -> bool {
    let expected = if index + 1 == count { 299 } else { 200 + index % 90 };
    word.parse() == Ok(expected)
}

fn statuses(mut bytes: &[u8]) -> Vec<String> {
    let mut statuses = Vec::new();
    while !bytes.is_empty() {
        let Some(end) = find(bytes, b"\r\n\r\n") else { break };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let status = head.split(' ').nth(1).unwrap_or("invalid").to_owned();
        bytes = &bytes[end + 4..];
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let length = if header("transfer-encoding").is_some() {
            find(bytes, b"0\r\n\r\n").map(|last| last + 5)
        } else {
            Some(header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0))
        };
        let Some(rest) = length.and_then(|length| bytes.get(length..)) else { break };
        bytes = rest;
        statuses.push(status);
    }
    statuses
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// Returns the frames that show the outcome: RFC 9113, 6, with the static table of RFC 7541.
fn frames(mut bytes: &[u8]) -> Vec<String> {
    let mut words = Vec::new();
    while let Some((head, rest)) = bytes.split_at_checked(9) {
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let (payload, rest) = rest.split_at(length.min(rest.len()));
        words.extend(match (head[3], payload.first()) {
            (1, Some(0x88)) => Some("200"),
            (1, Some(0x8c)) => Some("400"),
            (1, _) => Some("HEADERS"),
            (3, _) => Some("RST_STREAM"),
            (7, _) => Some("GOAWAY"),
            _ => None,
        });
        bytes = rest;
    }
    words.dedup();
    words.into_iter().map(str::to_owned).collect()
}

/// The outcomes of one case with all servers.
pub(crate) struct Row<'a> {
    case: &'a Case,
    outcomes: Vec<&'a Outcome>,
}

impl<'a> Row<'a> {
    pub(crate) fn new(case: &'a Case, index: usize, reports: &'a [Report]) -> Self {
        Row { case, outcomes: reports.iter().map(|reports| &reports.outcomes[index]).collect() }
    }

    /// Whether the outcomes of our runtimes, which come first, are expected and the same.
    fn is_passed(&self) -> bool {
        let ours = &self.outcomes[..RUNTIMES.len()];
        ours.iter().all(|outcome| outcome.is_expected && outcome.text == ours[0].text)
    }
}

/// Prints the table. The exit code is 0 if all cases have passed.
pub(crate) fn print(rows: &[Row], reports: &[Report]) -> ExitCode {
    let cell = |text: &str| format!("{text:<16.16}");
    let names: String = reports.iter().map(|reports| cell(reports.name)).collect();
    println!("{:<4} {:<40} {names}", "item", "case");
    for row in rows {
        let outcomes: String = row.outcomes.iter().map(|outcome| cell(&outcome.text)).collect();
        let verdict = if row.is_passed() { String::new() } else { format!("FAILED, expected {:?}", row.case.expected) };
        println!("{:<4} {:<40} {outcomes} {verdict}", row.case.item, row.case.name);
    }
    let failed = rows.iter().filter(|row| !row.is_passed()).count();
    println!("\n{} cases, {failed} failed", rows.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns the table for docs/SECURITY.md: per attack, the number of cases with an expected outcome.
pub(crate) fn markdown(rows: &[Row], reports: &[Report]) -> String {
    let mut items: BTreeMap<u8, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        items.entry(row.case.item).or_default().push(row);
    }
    let mut table = format!(
        "| | input | cases | {} |\n|---|---|---|{}\n",
        reports.iter().map(|reports| reports.name).collect::<Vec<_>>().join(" | "),
        "---|".repeat(reports.len())
    );
    for (item, rows) in items {
        write!(table, "| {item} | {} | {} |", crate::title(item), rows.len()).expect("a string can be written to");
        for server in 0..reports.len() {
            let as_expected = rows.iter().filter(|row| row.outcomes[server].is_expected).count();
            let hangs = rows.iter().filter(|row| row.outcomes[server].text == "hangs").count();
            write!(table, " {as_expected}").expect("a string can be written to");
            if hangs > 0 {
                write!(table, ", {hangs} held open").expect("a string can be written to");
            }
            table.push_str(" |");
        }
        table.push('\n');
    }
    table.push_str("\n| | background requests | failed | slowest probe | peak memory |\n|---|---|---|---|---|\n");
    for Report { name, traffic, .. } in &reports[..RUNTIMES.len()] {
        let traffic = traffic.as_ref().expect("our runtimes have background traffic");
        let probe = traffic.slowest_probe.as_secs_f64() * 1e3;
        let memory = traffic.peak_memory >> 20;
        writeln!(table, "| {name} | {} | 0 | {probe:.1} ms | {memory} MiB |", traffic.requests)
            .expect("a string can be written to");
    }
    table
}
