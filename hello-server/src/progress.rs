//! How a connection gets on: `request` notes what happens on it, and `accept` lets go of it when nothing has for too long.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::time::sleep_until;

/// How long nothing may happen on a connection.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// While the headers of a request are awaited; `None` is for ever.
    pub(crate) headers: Option<Duration>,
    /// While an answer is being sent.
    pub(crate) answer: Duration,
}

/// What happens on one connection. Requests only write down when; one timer a connection looks at it now and then. A timer for every
/// wait of every request would cost a tenth of answering a hello.
pub(crate) struct Progress(Mutex<State>);

struct State {
    /// Requests with a handler, which has a time-out of its own.
    handled: u32,
    /// Answers that have begun.
    answering: u32,
    /// When something happened last.
    last: Instant,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Progress(Mutex::new(State { handled: 0, answering: 0, last: Instant::now() }))
    }

    /// The headers of a request have come.
    pub(crate) fn request(&self) {
        self.state().handled += 1;
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

    /// A request ends, whether its answer had begun or not.
    pub(crate) fn end(&self, was_answering: bool, now: Instant) {
        let mut state = self.state();
        if was_answering {
            state.answering -= 1;
        } else {
            state.handled -= 1;
        }
        state.last = now;
    }

    /// Waits until nothing has happened for longer than `patience`.
    pub(crate) async fn stalled(&self, patience: Patience) {
        // A wait that begins after a look is seen by the next one before it is over.
        let next_look = patience.headers.map_or(patience.answer, |headers| headers.min(patience.answer));
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
        let patience = match *state {
            State { answering: 1.., .. } => Some(patience.answer),
            State { handled: 0, .. } => patience.headers,
            State { .. } => None,
        };
        patience.map(|patience| state.last + patience)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
