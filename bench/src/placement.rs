//! Which processors the servers run on, and which the load.

use std::{
    io,
    process::{self, Command},
};

/// Where servers and load run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Placement {
    /// Servers on the first processor, load on the second: a ratio of throughputs is one of what requests cost the servers.
    Apart,
    /// Both on both, as on a small machine: what the client costs dilutes the ratio.
    Together,
}

impl Placement {
    /// What tables call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Placement::Apart => "apart",
            Placement::Together => "together",
        }
    }

    /// Moves this process, and so the load.
    ///
    /// # Errors
    /// There is no `taskset`, or there are not two processors.
    pub(crate) fn take(self) -> io::Result<()> {
        let processors = match self {
            Placement::Apart => "1",
            Placement::Together => "0,1",
        };
        let own = process::id().to_string();
        let moved = Command::new("taskset").args(["--all-tasks", "--cpu-list", "--pid", processors, &own]).output()?;
        if moved.status.success() {
            return Ok(());
        }
        let reason = String::from_utf8_lossy(&moved.stderr).into_owned();
        Err(io::Error::other(format!("cannot use the processors {processors}: {reason}")))
    }

    /// What goes before the command of a server.
    pub(crate) fn of_servers(self) -> [&'static str; 3] {
        match self {
            Placement::Apart => ["taskset", "--cpu-list", "0"],
            Placement::Together => ["taskset", "--cpu-list", "0,1"],
        }
    }
}
