//! The access log: one line per request, when its response has ended.

use http::StatusCode;
use tracing::Level;

/// Settings of the access log.
#[derive(Clone, Copy)]
pub(crate) struct AccessLog {
    pub(crate) runtime: &'static str,
    /// Fraction of the requests that are logged, 0 to 1.
    pub(crate) sample_ratio: f64,
}

/// Fields of one line.
pub(crate) struct AccessRecord<'a> {
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
    /// Returns the level at which a request is logged, if it is.
    pub(crate) fn level(self, status: StatusCode) -> Option<Level> {
        if status.is_server_error() {
            tracing::enabled!(target: TARGET, Level::WARN).then_some(Level::WARN)
        } else {
            (self.is_sampled() && tracing::enabled!(target: TARGET, Level::INFO)).then_some(Level::INFO)
        }
    }

    pub(crate) fn write(self, level: Level, record: &AccessRecord<'_>) {
        let AccessRecord { method, path, status, latency_us, bytes, request_id, trace_id } = *record;
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
        // The level of an event must be a constant.
        if level == Level::WARN { event!(Level::WARN) } else { event!(Level::INFO) }
    }

    /// Random, so that requests at regular intervals are sampled as often as others.
    fn is_sampled(self) -> bool {
        self.sample_ratio > 0.0 && fastrand::f64() < self.sample_ratio
    }
}
