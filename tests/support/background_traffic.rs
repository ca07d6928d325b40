//! Others, who ask a server for something good while it is put to the test.

use std::{
    panic::resume_unwind,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use crate::Server;

/// How it went for them. All of them were answered well: otherwise the test has failed.
pub struct Bystanders {
    /// How many requests were.
    pub answered: u32,
    /// The longest that a probe of the admin port took.
    pub slowest_probe: Duration,
    /// The most memory that the server has held, in bytes.
    pub most_memory: u64,
}

/// Does something to a server, while others ask it for this path, and its admin port whether it is alive. They are to get what they
/// would have got before.
///
/// # Panics
/// Where one of them is not answered well.
pub fn with_bystanders<T>(server: &Server, path: &str, deed: impl FnOnce() -> T) -> (T, Bystanders) {
    let (done, before) = (AtomicBool::new(false), server.get(path).body);
    thread::scope(|scope| {
        let bystanders = scope.spawn(|| bystand(server, path, &before, &done));
        let stop = StopOnDrop(&done);
        let outcome = deed();
        drop(stop);
        (outcome, bystanders.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

fn bystand(server: &Server, path: &str, before: &[u8], done: &AtomicBool) -> Bystanders {
    let mut bystanders = Bystanders { answered: 0, slowest_probe: Duration::ZERO, most_memory: 0 };
    while !done.load(Relaxed) {
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "for others");
        assert_eq!(answer.body, before, "for others");
        let asked = Instant::now();
        assert_eq!(server.admin("/livez").status, 200);
        bystanders.slowest_probe = bystanders.slowest_probe.max(asked.elapsed());
        bystanders.answered += 1;
    }
    bystanders.most_memory = server.most_memory();
    bystanders
}

/// Ends the bystanders even when the deed panics.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
