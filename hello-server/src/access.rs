//! The access log: the line of a request whose answer has ended.

use http::StatusCode;
use tracing::Level;

/// Which requests get a line, and what it says beside what the request does.
#[derive(Clone, Copy)]
pub(crate) struct AccessLog {
    pub(crate) runtime: &'static str,
    /// 0 to 1
    pub(crate) share: f64,
}

/// What a line says of a request.
pub(crate) struct Access<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) status: u16,
    pub(crate) latency_us: u64,
    pub(crate) bytes: u64,
    pub(crate) request_id: &'a str,
    pub(crate) trace_id: Option<&'a str>,
}

const TARGET: &str = "access";

impl AccessLog {
    /// At which level a request gets a line, if it does.
    pub(crate) fn level(self, status: StatusCode) -> Option<Level> {
        if status.is_server_error() {
            tracing::enabled!(target: TARGET, Level::WARN).then_some(Level::WARN)
        } else {
            (self.picks() && tracing::enabled!(target: TARGET, Level::INFO)).then_some(Level::INFO)
        }
    }

    /// Writes the line.
    pub(crate) fn write(self, level: Level, access: &Access<'_>) {
        let Access { method, path, status, latency_us, bytes, request_id, trace_id } = *access;
        let runtime = self.runtime;
        macro_rules! event {
            ($level:expr) => {
                tracing::event!(
                    target: TARGET,
                    $level,
                    method,
                    path,
                    status,
                    latency_us,
                    bytes,
                    request_id,
                    trace_id,
                    runtime,
                    "request"
                )
            };
        }
        // The level of an event is a constant.
        if level == Level::WARN { event!(Level::WARN) } else { event!(Level::INFO) }
    }

    /// By chance, so that no client is in step with it.
    fn picks(self) -> bool {
        self.share > 0.0 && fastrand::f64() < self.share
    }
}
