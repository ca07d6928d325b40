//! What came of every case, in words that can be compared, as a table.

use std::{collections::BTreeMap, fmt::Write, process::ExitCode};

use tests::RUNTIMES;

use crate::{Case, Tried};

/// What one server made of one case.
pub(crate) struct Outcome {
    text: String,
    is_expected: bool,
}

impl Outcome {
    pub(crate) fn of(case: &Case, answered: Option<Vec<u8>>) -> Self {
        let text = answered.map_or("hangs".to_owned(), |answered| in_words(&answered));
        let is_expected = case.expected.contains(&text.as_str());
        Outcome { text, is_expected }
    }
}

/// The statuses of all whole answers; of HTTP/2 those that stand in its static table, and how the connection ended.
fn in_words(answered: &[u8]) -> String {
    let words = if answered.starts_with(b"HTTP/") { answers(answered) } else { frames(answered) };
    if words.len() > 2 && words.iter().enumerate().all(|(index, word)| is_in_order(index, word, words.len())) {
        return format!("{} in order", words.len());
    }
    if words.is_empty() { "no answer".to_owned() } else { words.join(" ") }
}

/// As `http1` asks for them.
fn is_in_order(index: usize, word: &str, count: usize) -> bool {
    let expected = if index + 1 == count { 299 } else { 200 + index % 90 };
    word.parse() == Ok(expected)
}

fn answers(mut bytes: &[u8]) -> Vec<String> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let Some(end) = find(bytes, b"\r\n\r\n") else { break };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let status = head.split(' ').nth(1).unwrap_or("nonsense").to_owned();
        bytes = &bytes[end + 4..];
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let length = if header("transfer-encoding").is_some() {
            find(bytes, b"0\r\n\r\n").map(|last| last + 5)
        } else {
            Some(header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0))
        };
        let Some(rest) = length.and_then(|length| bytes.get(length..)) else { break };
        bytes = rest;
        answers.push(status);
    }
    answers
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// Frames that say how it went: RFC 9113, 6, and the static table of RFC 7541.
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

/// One case with what all servers made of it.
pub(crate) struct Row<'a> {
    case: &'a Case,
    outcomes: Vec<&'a Outcome>,
}

impl<'a> Row<'a> {
    pub(crate) fn new(case: &'a Case, index: usize, tried: &'a [Tried]) -> Self {
        Row { case, outcomes: tried.iter().map(|tried| &tried.outcomes[index]).collect() }
    }

    /// Whether ours, which come first, did what was expected, and all the same.
    fn is_passed(&self) -> bool {
        let ours = &self.outcomes[..RUNTIMES.len()];
        ours.iter().all(|outcome| outcome.is_expected && outcome.text == ours[0].text)
    }
}

/// Prints the table, and says whether all have passed.
pub(crate) fn print(rows: &[Row], tried: &[Tried]) -> ExitCode {
    let cell = |text: &str| format!("{text:<16.16}");
    let names: String = tried.iter().map(|tried| cell(tried.name)).collect();
    println!("{:<4} {:<40} {names}", "item", "case");
    for row in rows {
        let outcomes: String = row.outcomes.iter().map(|outcome| cell(&outcome.text)).collect();
        let verdict = if row.is_passed() { String::new() } else { format!("FAILED, expected {:?}", row.case.expected) };
        println!("{:<4} {:<40} {outcomes} {verdict}", row.case.item, row.case.what);
    }
    let failed = rows.iter().filter(|row| !row.is_passed()).count();
    println!("\n{} cases, {failed} failed", rows.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The same for docs/SECURITY.md: how many cases of each item went as expected.
pub(crate) fn markdown(rows: &[Row], tried: &[Tried]) -> String {
    let mut items: BTreeMap<u8, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        items.entry(row.case.item).or_default().push(row);
    }
    let mut table = format!(
        "| | input | cases | {} |\n|---|---|---|{}\n",
        tried.iter().map(|tried| tried.name).collect::<Vec<_>>().join(" | "),
        "---|".repeat(tried.len())
    );
    for (item, rows) in items {
        write!(table, "| {item} | {} | {} |", crate::title(item), rows.len()).expect("text");
        for server in 0..tried.len() {
            let as_expected = rows.iter().filter(|row| row.outcomes[server].is_expected).count();
            let hangs = rows.iter().filter(|row| row.outcomes[server].text == "hangs").count();
            write!(table, " {as_expected}").expect("text");
            if hangs > 0 {
                write!(table, ", {hangs} held open").expect("text");
            }
            table.push_str(" |");
        }
        table.push('\n');
    }
    table.push_str("\n| | requests of others | of these lost | slowest probe | most memory |\n|---|---|---|---|---|\n");
    for Tried { name, bystanders, .. } in &tried[..RUNTIMES.len()] {
        let bystanders = bystanders.as_ref().expect("ours are watched");
        let probe = bystanders.slowest_probe.as_secs_f64() * 1e3;
        let memory = bystanders.most_memory >> 20;
        writeln!(table, "| {name} | {} | 0 | {probe:.1} ms | {memory} MiB |", bystanders.answered).expect("text");
    }
    table
}
