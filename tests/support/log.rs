//! The log of a server, which it writes to standard error as one JSON object per line.

use std::{
    io::{BufRead, BufReader, Read},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::Instant,
};

use serde_json::Value;

use crate::TIMEOUT;

/// Reader of a log: the lines so far, and those to come.
pub(crate) struct Log {
    incoming: Mutex<Receiver<Value>>,
    lines: Arc<Mutex<Vec<Value>>>,
}

impl Log {
    pub(crate) fn read(stderr: impl Read + Send + 'static) -> Self {
        let (sender, incoming) = channel();
        let lines = Arc::<Mutex<Vec<Value>>>::default();
        let seen = lines.clone();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                // A line that is not JSON is the error of a failed start.
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                seen.lock().expect("the lock is not poisoned").push(line.clone());
                _ = sender.send(line);
            }
        });
        Log { incoming: Mutex::new(incoming), lines }
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        self.lines.lock().expect("the lock is not poisoned").clone()
    }

    /// Waits for a line, past or future.
    pub(crate) fn wait_for(&self, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let incoming = self.incoming.lock().expect("the lock is not poisoned");
        if let Some(line) = self.lines().into_iter().find(&is_wanted) {
            return line;
        }
        let deadline = Instant::now() + TIMEOUT;
        loop {
            match incoming.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if is_wanted(&line) => return line,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => panic!("no such line within {TIMEOUT:?} in {:#?}", self.lines()),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("the program ended without such a line: {:#?}", self.lines())
                }
            }
        }
    }
}
