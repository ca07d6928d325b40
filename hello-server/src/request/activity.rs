//! Activity of a connection: what happens on it, and since when nothing has. `pipeline` and `stream` note it, and
//! `connection_server` closes a connection that stalls.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::time::sleep_until;

/// Longest times without activity on a connection.
#[derive(Clone, Copy)]
pub(crate) struct StallTimeouts {
    /// From the first byte of a request's headers to their last.
    pub(crate) headers: Duration,
    /// Between requests, over HTTP/1. An HTTP/2 connection is asked to close after that time.
    pub(crate) idle: Duration,
    /// While a response is being sent, or the client does not read what was sent.
    pub(crate) response: Duration,
}

/// Minimum rate of a request's body. A body may take the request timeout, plus one second for each of these: a client that sends single
/// bytes holds a permit for hardly longer than one that sends nothing. Apache's `MinRate` is 500, with which 10 MiB may take six hours.
const MIN_UPLOAD_BYTES_PER_SECOND: u64 = 10 * 1024;

/// Phase of a request and its response.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Phase {
    /// The handler has the request. It has a timeout of its own.
    Handling,
    /// The response is being sent.
    Responding,
    /// The response was sent, or will not be.
    Ended,
}

/// Activity of one connection. Requests only note the time; one timer per connection compares it now and then. A timer for every wait
/// of every request would cost a tenth of a hello.
pub(crate) struct ConnectionActivity {
    connected: Instant,
    is_slow: AtomicBool,
    state: Mutex<State>,
}

struct State {
    is_http2: bool,
    /// Requests in the phase `Handling`.
    handling: u32,
    /// Requests in the phase `Responding`.
    responding: u32,
    /// Whether the client has to read before more can be written.
    is_write_blocked: bool,
    /// Headers of a request that are incomplete: since when, and how many bytes of them were read.
    head: Option<(Instant, u64)>,
    /// Time of the last activity.
    last: Instant,
    /// Bodies of requests that are incomplete.
    bodies: u32,
    /// When the first of these bodies started.
    bodies_since: Instant,
    /// Bytes of bodies read since then.
    body_bytes: u64,
}

impl ConnectionActivity {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        let state = State {
            is_http2: false,
            handling: 0,
            responding: 0,
            is_write_blocked: false,
            head: None,
            last: now,
            bodies: 0,
            bodies_since: now,
            body_bytes: 0,
        };
        ConnectionActivity { connected: now, is_slow: AtomicBool::new(false), state: Mutex::new(state) }
    }

    /// Age of the connection.
    pub(super) fn age(&self, now: Instant) -> Duration {
        now - self.connected
    }

    /// Notes bytes that were read. Returns the size of the incomplete headers so far.
    pub(crate) fn bytes_read(&self, bytes: u64) -> u64 {
        let mut state = self.state();
        // Otherwise they are part of a body, or of another request, which waits for the response to this one.
        if state.handling > 0 || state.responding > 0 || state.bodies > 0 {
            return 0;
        }
        let (_, length) = state.head.get_or_insert_with(|| (Instant::now(), 0));
        *length += bytes;
        *length
    }

    /// The bytes so far were the preface of HTTP/2, not the headers of a request.
    pub(crate) fn set_http2(&self) {
        let mut state = self.state();
        state.is_http2 = true;
        state.head = None;
        state.last = Instant::now();
    }

    /// The headers of a request are complete.
    pub(super) fn request_started(&self) {
        let mut state = self.state();
        state.handling += 1;
        state.head = None;
    }

    /// A request is slow, or its response is not complete yet. The connection then has to be watched: the client may be gone.
    pub(super) fn set_slow(&self) {
        self.is_slow.store(true, Relaxed);
    }

    pub(crate) fn is_slow(&self) -> bool {
        self.is_slow.load(Relaxed)
    }

    pub(super) fn body_started(&self) {
        let mut state = self.state();
        if state.bodies == 0 {
            (state.bodies_since, state.body_bytes) = (Instant::now(), 0);
        }
        state.bodies += 1;
    }

    pub(super) fn body_received(&self, bytes: u64) {
        self.state().body_bytes += bytes;
    }

    /// A body is complete, or is no longer read. The clock restarts for the others: uploads that overlap are not one slow upload.
    pub(super) fn body_ended(&self) {
        let mut state = self.state();
        state.bodies -= 1;
        if state.bodies > 0 {
            (state.bodies_since, state.body_bytes) = (Instant::now(), 0);
        }
    }

    pub(super) fn response_started(&self, now: Instant) {
        let mut state = self.state();
        state.handling -= 1;
        state.responding += 1;
        state.last = now;
    }

    /// A response makes progress.
    pub(super) fn response_progressed(&self, now: Instant) {
        self.state().last = now;
    }

    /// The client has to read before more can be written, or has read.
    pub(crate) fn set_write_blocked(&self, is_blocked: bool) {
        let mut state = self.state();
        state.is_write_blocked = is_blocked;
        state.last = Instant::now();
    }

    /// A request ends in this phase.
    pub(super) fn request_ended(&self, phase: Phase, now: Instant) {
        let mut state = self.state();
        match phase {
            Phase::Handling => state.handling -= 1,
            Phase::Responding => state.responding -= 1,
            Phase::Ended => {}
        }
        state.last = now;
        drop(state);
        self.is_slow.store(false, Relaxed);
    }

    /// Waits until there was no request for this time.
    pub(crate) async fn wait_idle(&self, time: Duration) {
        loop {
            let now = Instant::now();
            let due = match *self.state() {
                State { handling: 0, responding: 0, last, .. } => last + time,
                State { .. } => now + time,
            };
            if due <= now {
                return;
            }
            sleep_until(due.into()).await;
        }
    }

    /// Waits until nothing has happened for longer than a timeout allows.
    pub(crate) async fn wait_stalled(&self, timeouts: StallTimeouts) {
        // A wait that starts after one check is due after the next one at the earliest.
        let StallTimeouts { headers, idle, response } = timeouts;
        let interval = headers.min(idle).min(response);
        loop {
            let now = Instant::now();
            let due = self.due(timeouts).unwrap_or(now + interval);
            if due <= now {
                return;
            }
            sleep_until(due.min(now + interval).into()).await;
        }
    }

    /// When the current wait times out.
    fn due(&self, timeouts: StallTimeouts) -> Option<Instant> {
        let state = self.state();
        let wait = match *state {
            State { responding: 1.., .. } | State { is_write_blocked: true, .. } => {
                Some(state.last + timeouts.response)
            }
            State { handling: 1.., .. } => None,
            State { head: Some((since, _)), .. } => Some(since + timeouts.headers),
            State { is_http2: true, .. } => None,
            State { .. } => Some(state.last + timeouts.idle),
        };
        // Before the response starts, the handler's timeout applies.
        let body = (state.responding > 0 && state.bodies > 0).then(|| {
            let seconds = state.body_bytes / MIN_UPLOAD_BYTES_PER_SECOND;
            state.bodies_since + timeouts.response + Duration::from_secs(seconds)
        });
        wait.into_iter().chain(body).min()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
