//! The CPUs of the servers and of the load.

use std::{
    io,
    process::{self, Command},
};

/// CPUs of the servers and of the load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum CpuPinning {
    /// Servers on the first CPU, load on the second. A ratio of throughputs is then the ratio of CPU time per request.
    Split,
    /// Servers and load on both, as on a small machine. The cost of the client brings ratios closer to 1.
    Shared,
}

impl CpuPinning {
    /// Returns its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            CpuPinning::Split => "apart",
            CpuPinning::Shared => "together",
        }
    }

    /// Moves this process, and so the load, to its CPUs.
    ///
    /// # Errors
    /// There is no `taskset`, or the machine has one CPU only.
    pub(crate) fn apply(self) -> io::Result<()> {
        let cpus = match self {
            CpuPinning::Split => "1",
            CpuPinning::Shared => "0,1",
        };
        let own = process::id().to_string();
        let moved = Command::new("taskset").args(["--all-tasks", "--cpu-list", "--pid", cpus, &own]).output()?;
        if moved.status.success() {
            return Ok(());
        }
        let reason = String::from_utf8_lossy(&moved.stderr).into_owned();
        Err(io::Error::other(format!("cannot use the CPUs {cpus}: {reason}")))
    }

    /// Returns the words that go before the command of a server.
    pub(crate) fn server_prefix(self) -> [&'static str; 3] {
        match self {
            CpuPinning::Split => ["taskset", "--cpu-list", "0"],
            CpuPinning::Shared => ["taskset", "--cpu-list", "0,1"],
        }
    }
}
