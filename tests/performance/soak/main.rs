//! `make soak`: every runtime serves for half an hour over connections that are late, in pieces, and reset. Its memory and its
//! descriptors stay as they are, no answer is wrong, and whoever asks over a good connection gets one every time.

mod toxiproxy;

use std::{
    env,
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use tests::{Protocol, RUNTIMES, Server, request, send, try_send, update_document};
use toxiproxy::Toxiproxy;

/// Callers of each runtime over bad connections.
const CALLERS: usize = 6;

/// Between two looks at memory and descriptors, with good requests and a probe.
const PACE: Duration = Duration::from_millis(200);

/// Looks between two lines that say how it goes.
const LOOKS_A_LINE: usize = 300;

/// Bytes by which memory may have grown from the second quarter of the time to the last: what an allocator keeps differs by as much.
const FLAT_MEMORY: f64 = 2.0 * 1024.0 * 1024.0;

/// Descriptors by which they may have: connections that happen to be there, a caller's and one that is being reset.
const FLAT_DESCRIPTORS: f64 = 32.0;

static BODY: [u8; 20_000] = [b'x'; 20_000];

#[derive(Default)]
struct Counts {
    answered: AtomicU64,
    cut_off: AtomicU64,
}

fn main() {
    let minutes: f64 = env::var("SOAK_MINUTES").map_or(30.0, |text| text.parse().expect("SOAK_MINUTES is a number"));
    let time = Duration::from_secs_f64(minutes * 60.0);
    let toxiproxy = Toxiproxy::start();
    let mut table =
        "| | over bad connections | of these cut off | over good ones | of these lost | memory | descriptors |\n\
                     |---|---|---|---|---|---|---|\n"
            .to_owned();
    let rows = thread::scope(|scope| {
        let soaked = RUNTIMES.map(|(name, start)| {
            let mut command = start();
            command.env("HELLO_LOG", "info,hello_server=debug");
            let server = Server::start(command);
            let bad = toxiproxy.before(name, server.address);
            scope.spawn(move || soak(name, &server, bad, time))
        });
        soaked.into_iter().map(|thread| thread.join().expect("what was promised holds")).collect::<Vec<_>>()
    });
    table.extend(rows);
    println!("{table}");
    update_document("docs/SECURITY.md", "make soak", &format!("In {minutes} minutes:\n\n{table}"));
}

/// Gives a row of the table.
fn soak(name: &str, server: &Server, bad: SocketAddr, time: Duration) -> String {
    let (counts, end) = (Counts::default(), Instant::now() + time);
    let looks = thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| call(bad, &counts, end));
        }
        watch(name, server, &counts, end)
    });
    server.settle();

    let quarter = looks.len() / 4;
    let [early, late] = [&looks[quarter..2 * quarter], &looks[3 * quarter..]].map(|looks| {
        [0, 1].map(|what| {
            let mut values: Vec<_> = looks.iter().map(|look| look[what]).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        })
    });
    assert!(late[0] - early[0] < FLAT_MEMORY, "{name}: memory has grown from {} to {} bytes", early[0], late[0]);
    assert!(late[1] - early[1] < FLAT_DESCRIPTORS, "{name}: descriptors have grown from {} to {}", early[1], late[1]);
    let (answered, cut_off) = (counts.answered.load(Relaxed), counts.cut_off.load(Relaxed));
    assert!(answered > 0 && cut_off > 0, "{name}: {answered} answered, {cut_off} cut off");
    format!(
        "| {name} | {} | {cut_off} | {} | 0 | {:.1} MiB, then {:.1} | {}, then {} |\n",
        answered + cut_off,
        2 * looks.len(),
        mebibytes(early[0]),
        mebibytes(late[0]),
        early[1],
        late[1]
    )
}

/// Asks for one thing after the other, each over a connection of its own. It may be cut off, but what is answered is right.
fn call(bad: SocketAddr, counts: &Counts, end: Instant) {
    for (protocol, kind) in [Protocol::Http1, Protocol::Http2].into_iter().cycle().zip((0..5).cycle()) {
        if Instant::now() >= end {
            return;
        }
        let asked = match kind {
            0 => request("GET", "/", ""),
            1 => request("GET", "/headers", ""),
            2 => request("GET", "/delay/0.1", ""),
            _ => request("POST", "/echo", &BODY[..]),
        };
        let Ok(answer) = try_send(bad, protocol, asked) else {
            counts.cut_off.fetch_add(1, Relaxed);
            continue;
        };
        assert_eq!(answer.status, 200);
        match kind {
            0..=2 => assert!(answer.json().is_object()),
            _ => assert!(answer.body == BODY[..]),
        }
        counts.answered.fetch_add(1, Relaxed);
    }
}

fn mebibytes(bytes: f64) -> f64 {
    bytes / 1024.0 / 1024.0
}

/// Asks over good connections, and looks at memory (bytes) and descriptors, again and again.
fn watch(name: &str, server: &Server, counts: &Counts, end: Instant) -> Vec<[f64; 2]> {
    let mut looks = Vec::new();
    while Instant::now() < end {
        assert_eq!(server.get("/").status, 200);
        assert!(send(server.address, Protocol::Http2, request("POST", "/echo", &BODY[..])).body == BODY[..]);
        assert_eq!(server.admin("/livez").status, 200);
        let look = ["process_resident_memory_bytes", "process_open_fds"].map(|series| server.metric(series));
        looks.push(look);
        if looks.len().is_multiple_of(LOOKS_A_LINE) {
            let (answered, cut_off) = (counts.answered.load(Relaxed), counts.cut_off.load(Relaxed));
            let left = end.saturating_duration_since(Instant::now()).as_secs() / 60;
            eprintln!(
                "{name}: {answered} answered, {cut_off} cut off, {} MiB, {left} minutes left",
                mebibytes(look[0])
            );
        }
        thread::sleep(PACE);
    }
    looks
}
