//! Description of a program, and how it uses threads.

/// Description of a program.
pub struct ProgramInfo {
    /// The program's name, as in its error lines.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The commit it was built from, or `unknown`.
    pub commit: &'static str,
    /// How its threads share its connections.
    pub scheduling: Scheduling,
    /// Environment variables that are settings of other programs of this project, and that this program ignores.
    pub settings_of_others: &'static [&'static str],
}

/// How the threads of a server share its connections. Either way there is one thread per CPU that the process may use: the CPU quota of
/// the control group and the affinity mask count (`std::thread::available_parallelism`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scheduling {
    /// Any idle thread continues a connection's work. For handlers that cost no more than the HTTP around them.
    WorkStealing,
    /// A connection, or a stream of HTTP/2, stays on the thread that had the fewest when it was accepted. For handlers with much code and
    /// data, which then remain in the caches of that thread's CPU. A handler that does not yield delays the others of its thread.
    ThreadPerCore,
}

/// Cargo profile of this build: `release`, or `quick`, which is for development and not for measurements. Set by scripts/build.sh.
pub const PROFILE: &str = match option_env!("HELLO_PROFILE") {
    Some(profile) => profile,
    None => "unknown",
};
