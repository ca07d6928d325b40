//! How a connection gets on: `request` notes what happens on it, and `accept` lets go of it when nothing has for too long.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::time::sleep_until;

/// How long nothing may happen on a connection.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// From the first byte of the headers of a request to their last.
    pub(crate) headers: Duration,
    /// While there is no request, over HTTP/1. A connection of HTTP/2 is asked to end after that time.
    pub(crate) idle: Duration,
    /// While an answer is being sent, or what was sent is not taken.
    pub(crate) answer: Duration,
}

/// Bytes a second. A body that has not ended by the time of a request gets a second more for each of these: who sends it byte by byte
/// holds a place for not much longer than who sends nothing. Apache's `MinRate` is 500, where 10 MiB may take six hours.
const LEAST_RATE: u64 = 10 * 1024;

/// What happens on one connection. Requests only write down when; one timer a connection looks at it now and then. A timer for every
/// wait of every request would cost a tenth of answering a hello.
pub(crate) struct Progress {
    /// When the connection came.
    since: Instant,
    is_slow: AtomicBool,
    state: Mutex<State>,
}

struct State {
    is_http2: bool,
    /// Requests with a handler, which has a time-out of its own.
    handled: u32,
    /// Answers that have begun.
    answering: u32,
    /// Whether the client has to read before more can be written to it.
    is_full: bool,
    /// When the headers of a request began that are not complete, and how many bytes of them have come.
    head: Option<(Instant, u64)>,
    /// When something happened last.
    last: Instant,
    /// Bodies of requests that have not ended.
    receiving: u32,
    /// When the first of those began.
    receiving_since: Instant,
    /// Bytes that have come since.
    received: u64,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        let state = State {
            is_http2: false,
            handled: 0,
            answering: 0,
            is_full: false,
            head: None,
            last: now,
            receiving: 0,
            receiving_since: now,
            received: 0,
        };
        Progress { since: now, is_slow: AtomicBool::new(false), state: Mutex::new(state) }
    }

    /// How old the connection is.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        now - self.since
    }

    /// So many bytes have come. Returns how many of them are headers of a request that are not complete.
    pub(crate) fn read(&self, bytes: u64) -> u64 {
        let mut state = self.state();
        // Else they are a body, or another request, which waits for the response to this one.
        if state.has_request() || state.receiving > 0 {
            return 0;
        }
        let (_, length) = state.head.get_or_insert_with(|| (Instant::now(), 0));
        *length += bytes;
        *length
    }

    /// What has come so far is not the headers of a request, but the preface of HTTP/2.
    pub(crate) fn set_http2(&self) {
        let mut state = self.state();
        state.is_http2 = true;
        state.head = None;
        state.last = Instant::now();
    }

    /// The headers of a request have come.
    pub(crate) fn request(&self) {
        let mut state = self.state();
        state.handled += 1;
        state.head = None;
    }

    /// A request takes long, or what is left of its response is not there yet: only a look at the connection tells whether the client
    /// is.
    pub(crate) fn set_slow(&self) {
        self.is_slow.store(true, Relaxed);
    }

    /// Whether a request takes long.
    pub(crate) fn is_slow(&self) -> bool {
        self.is_slow.load(Relaxed)
    }

    /// The body of a request is to come.
    pub(crate) fn body(&self) {
        let mut state = self.state();
        if state.receiving == 0 {
            (state.receiving_since, state.received) = (Instant::now(), 0);
        }
        state.receiving += 1;
    }

    /// So many bytes of a body have come.
    pub(crate) fn received(&self, bytes: u64) {
        self.state().received += bytes;
    }

    /// A body has ended, or nobody wants it any more. Others get the time of a new one, so that there being always one is no offence.
    pub(crate) fn end_body(&self) {
        let mut state = self.state();
        state.receiving -= 1;
        if state.receiving > 0 {
            (state.receiving_since, state.received) = (Instant::now(), 0);
        }
    }

    /// An answer begins.
    pub(crate) fn answer(&self, now: Instant) {
        let mut state = self.state();
        state.handled -= 1;
        state.answering += 1;
        state.last = now;
    }

    /// An answer gets on.
    pub(crate) fn made(&self, now: Instant) {
        self.state().last = now;
    }

    /// The client has to read before more can be written, or it has.
    pub(crate) fn full(&self, is_full: bool) {
        let mut state = self.state();
        state.is_full = is_full;
        state.last = Instant::now();
    }

    /// A request ends, whether its answer had begun or not.
    pub(crate) fn end(&self, was_answering: bool, now: Instant) {
        let mut state = self.state();
        if was_answering {
            state.answering -= 1;
        } else {
            state.handled -= 1;
        }
        state.last = now;
        drop(state);
        self.is_slow.store(false, Relaxed);
    }

    /// Waits until there has been no request for longer than `patience`.
    pub(crate) async fn idle(&self, patience: Duration) {
        loop {
            let now = Instant::now();
            let due = match *self.state() {
                State { handled: 0, answering: 0, last, .. } => last + patience,
                State { .. } => now + patience,
            };
            if due <= now {
                return;
            }
            sleep_until(due.into()).await;
        }
    }

    /// Waits until nothing has happened for longer than `patience`.
    pub(crate) async fn stalled(&self, patience: Patience) {
        // A wait that begins after a look is seen by the next one before it is over.
        let Patience { headers, idle, answer } = patience;
        let next_look = headers.min(idle).min(answer);
        loop {
            let now = Instant::now();
            let due = self.due(patience).unwrap_or(now + next_look);
            if due <= now {
                return;
            }
            sleep_until(due.min(now + next_look).into()).await;
        }
    }

    /// When a wait of now is over.
    fn due(&self, patience: Patience) -> Option<Instant> {
        let state = self.state();
        let wait = match *state {
            State { answering: 1.., .. } | State { is_full: true, .. } => Some(state.last + patience.answer),
            State { handled: 1.., .. } => None,
            State { head: Some((since, _)), .. } => Some(since + patience.headers),
            State { is_http2: true, .. } => None,
            State { .. } => Some(state.last + patience.idle),
        };
        // Before there is an answer, the handler's time-out counts.
        let body = (state.answering > 0 && state.receiving > 0)
            .then(|| state.receiving_since + patience.answer + Duration::from_secs(state.received / LEAST_RATE));
        wait.into_iter().chain(body).min()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_request(&self) -> bool {
        self.handled > 0 || self.answering > 0
    }
}
