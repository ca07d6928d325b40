//! Well-behaved traffic during a test: the clients that must not notice what the test does to the server.

use std::{
    panic::resume_unwind,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use crate::Server;

/// Statistics of the background traffic. All of its requests succeeded: otherwise the test has failed.
pub struct BackgroundTraffic {
    /// Number of requests.
    pub requests: u32,
    /// The longest time that a probe of the admin port took.
    pub slowest_probe: Duration,
    /// The peak memory of the server, in bytes.
    pub peak_memory: u64,
}

/// Runs an action while background traffic requests this path and probes `/livez`. Each response must be the same as before.
///
/// # Panics
/// Panics if a response differs, or if there was no traffic during the action.
pub fn with_background_traffic<T>(server: &Server, path: &str, action: impl FnOnce() -> T) -> (T, BackgroundTraffic) {
    let (stop, expected) = (AtomicBool::new(false), server.get(path).body);
    thread::scope(|scope| {
        let traffic = scope.spawn(|| run(server, path, &expected, &stop));
        let guard = StopOnDrop(&stop);
        let outcome = action();
        drop(guard);
        let traffic = traffic.join().unwrap_or_else(|panic| resume_unwind(panic));
        assert!(traffic.requests > 0, "no background request ended during the action");
        (outcome, traffic)
    })
}

fn run(server: &Server, path: &str, expected: &[u8], stop: &AtomicBool) -> BackgroundTraffic {
    let mut traffic = BackgroundTraffic { requests: 0, slowest_probe: Duration::ZERO, peak_memory: 0 };
    while !stop.load(Relaxed) {
        let response = server.get(path);
        assert_eq!(response.status, 200, "background traffic");
        assert_eq!(response.body, expected, "background traffic");
        let started = Instant::now();
        assert_eq!(server.get_admin("/livez").status, 200, "probe during the action");
        traffic.slowest_probe = traffic.slowest_probe.max(started.elapsed());
        traffic.requests += 1;
    }
    traffic.peak_memory = server.peak_memory();
    traffic
}

/// Drop guard: stops the traffic even if the action panics.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
