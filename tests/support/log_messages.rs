//! Messages of the programs' logs that more than one test waits for.

/// All ports are bound. The line names their addresses.
pub const STARTING: &str = "starting";
/// The server accepts requests.
pub const READY: &str = "ready";
/// The drain has started.
pub const DRAINING: &str = "draining";
/// The drain has ended.
pub const DRAINED: &str = "drained";
/// A line of a guest's standard output or standard error.
pub const GUEST_OUTPUT: &str = "guest output";
/// A guest has written more than the limit.
pub const GUEST_OUTPUT_DROPPED: &str = "guest output over the limit is dropped";
/// The start of the message that spans could not be exported.
pub const TRACE_EXPORT_FAILING: &str = "trace export failing";
