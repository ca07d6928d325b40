//! `make soak`: each runtime serves for half an hour over connections that are delayed, split and reset. Memory and descriptors must not
//! grow, no response may be wrong, and each request over a good connection must succeed.

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

/// Clients of each runtime over bad connections.
const CLIENTS: usize = 6;

/// Pause between two samples of memory and descriptors.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(200);

/// Number of samples between two lines of progress.
const SAMPLES_PER_LINE: usize = 300;

/// Limit on the growth of memory from the second to the last quarter of the time, in bytes: what an allocator keeps varies as much.
const MAX_MEMORY_GROWTH: f64 = 2.0 * 1024.0 * 1024.0;

/// Limit on the growth of descriptors, as the number of open connections varies.
const MAX_DESCRIPTOR_GROWTH: f64 = 32.0;

static BODY: [u8; 20_000] = [b'x'; 20_000];

/// Requests over bad connections.
#[derive(Default)]
struct Counts {
    succeeded: AtomicU64,
    aborted: AtomicU64,
}

/// Memory, in bytes, and descriptors of a server.
type Sample = [f64; 2];

fn main() {
    let minutes: f64 = env::var("SOAK_MINUTES").map_or(30.0, |text| text.parse().expect("SOAK_MINUTES is a number"));
    let duration = Duration::from_secs_f64(minutes * 60.0);
    let toxiproxy = Toxiproxy::start();
    let mut table = "| | over bad connections | aborted | over good ones | failed | memory | descriptors |\n\
                     |---|---|---|---|---|---|---|\n"
        .to_owned();
    let rows = thread::scope(|scope| {
        let threads = RUNTIMES.map(|(name, command)| {
            let mut command = command();
            command.env("HELLO_LOG", "info,hello_server=debug");
            let server = Server::start(command);
            let proxy = toxiproxy.proxy_for(name, server.address);
            scope.spawn(move || soak(name, &server, proxy, duration))
        });
        threads.into_iter().map(|thread| thread.join().expect("the runtime passes")).collect::<Vec<_>>()
    });
    table.extend(rows);
    println!("{table}");
    update_document("docs/SECURITY.md", "make soak", &format!("In {minutes} minutes:\n\n{table}"));
}

/// Returns a row of the table.
fn soak(name: &str, server: &Server, proxy: SocketAddr, duration: Duration) -> String {
    let (counts, end) = (Counts::default(), Instant::now() + duration);
    let samples = thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| send_requests(proxy, &counts, end));
        }
        watch(name, server, &counts, end)
    });
    server.assert_recovered();

    let quarter = samples.len() / 4;
    let [early, late] =
        [&samples[quarter..2 * quarter], &samples[3 * quarter..]].map(|part| [0, 1].map(|index| median(part, index)));
    let [memory, descriptors] = [0, 1].map(|index| late[index] - early[index]);
    assert!(memory < MAX_MEMORY_GROWTH, "{name}: memory has grown from {} to {} bytes", early[0], late[0]);
    assert!(descriptors < MAX_DESCRIPTOR_GROWTH, "{name}: descriptors have grown from {} to {}", early[1], late[1]);
    let (succeeded, aborted) = (counts.succeeded.load(Relaxed), counts.aborted.load(Relaxed));
    assert!(succeeded > 0 && aborted > 0, "{name}: {succeeded} succeeded, {aborted} were aborted");
    format!(
        "| {name} | {} | {aborted} | {} | 0 | {:.1} MiB, then {:.1} | {}, then {} |\n",
        succeeded + aborted,
        2 * samples.len(),
        mebibytes(early[0]),
        mebibytes(late[0]),
        early[1],
        late[1]
    )
}

fn median(samples: &[Sample], index: usize) -> f64 {
    let mut values: Vec<_> = samples.iter().map(|sample| sample[index]).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Sends requests one after another, each over a new connection. A request may be aborted, but a response must be right.
fn send_requests(proxy: SocketAddr, counts: &Counts, end: Instant) {
    for (protocol, kind) in [Protocol::Http1, Protocol::Http2].into_iter().cycle().zip((0..5).cycle()) {
        if Instant::now() >= end {
            return;
        }
        let request = match kind {
            0 => request("GET", "/", ""),
            1 => request("GET", "/headers", ""),
            2 => request("GET", "/delay/0.1", ""),
            _ => request("POST", "/echo", &BODY[..]),
        };
        let Ok(response) = try_send(proxy, protocol, request) else {
            counts.aborted.fetch_add(1, Relaxed);
            continue;
        };
        assert_eq!(response.status, 200);
        match kind {
            0..=2 => assert!(response.json().is_object()),
            _ => assert!(response.body == BODY[..]),
        }
        counts.succeeded.fetch_add(1, Relaxed);
    }
}

fn mebibytes(bytes: f64) -> f64 {
    bytes / 1024.0 / 1024.0
}

/// Sends requests over good connections until the end, and samples memory and descriptors.
fn watch(name: &str, server: &Server, counts: &Counts, end: Instant) -> Vec<Sample> {
    let mut samples = Vec::new();
    while Instant::now() < end {
        assert_eq!(server.get("/").status, 200);
        assert!(send(server.address, Protocol::Http2, request("POST", "/echo", &BODY[..])).body == BODY[..]);
        assert_eq!(server.get_admin("/livez").status, 200);
        let sample = ["process_resident_memory_bytes", "process_open_fds"].map(|series| server.metric(series));
        samples.push(sample);
        if samples.len().is_multiple_of(SAMPLES_PER_LINE) {
            let (succeeded, aborted) = (counts.succeeded.load(Relaxed), counts.aborted.load(Relaxed));
            let minutes = end.saturating_duration_since(Instant::now()).as_secs() / 60;
            let memory = mebibytes(sample[0]);
            eprintln!("{name}: {succeeded} succeeded, {aborted} aborted, {memory} MiB, {minutes} minutes left");
        }
        thread::sleep(SAMPLE_INTERVAL);
    }
    samples
}
