//! The access log: the line of a request whose answer has ended.

use std::time::SystemTime;

use http::StatusCode;
use serde::Serialize;
use tracing::Level;

use crate::{lines, log, request::random};

/// Which requests get a line, and what it says beside what the request does.
#[derive(Clone, Copy)]
pub(crate) struct AccessLog {
    pub(crate) runtime: &'static str,
    /// 0 to 1
    pub(crate) share: f64,
}

/// What a line says of a request.
#[derive(Serialize)]
pub(crate) struct Access<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) status: u16,
    pub(crate) latency_us: u64,
    pub(crate) bytes: u64,
    pub(crate) request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace_id: Option<&'a str>,
}

/// The same with what all lines of the log have, as JSON.
#[derive(Serialize)]
struct Line<'a> {
    timestamp: Timestamp,
    level: &'static str,
    message: &'static str,
    target: &'static str,
    #[serde(flatten)]
    access: &'a Access<'a>,
    runtime: &'static str,
}

struct Timestamp(SystemTime);

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_rfc3339_micros(self.0))
    }
}

const TARGET: &str = "access";
const MESSAGE: &str = "request";

impl AccessLog {
    /// At which level a request gets a line, if it does.
    pub(crate) fn level(self, status: StatusCode) -> Option<Level> {
        if status.is_server_error() {
            tracing::enabled!(target: TARGET, Level::WARN).then_some(Level::WARN)
        } else {
            (self.picks() && tracing::enabled!(target: TARGET, Level::INFO)).then_some(Level::INFO)
        }
    }

    /// Writes the line; as JSON not on the way of other lines, through `tracing`, on which every field is a call or two.
    pub(crate) fn write(self, level: Level, access: &Access<'_>) {
        if log::is_json() {
            return lines::push_json(&Line {
                timestamp: Timestamp(SystemTime::now()),
                level: level.as_str(),
                message: MESSAGE,
                target: TARGET,
                access,
                runtime: self.runtime,
            });
        }
        let Access { method, path, status, latency_us, bytes, request_id, trace_id } = *access;
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
                    runtime = self.runtime,
                    "{MESSAGE}"
                )
            };
        }
        // The level of an event is a constant.
        if level == Level::WARN { event!(Level::WARN) } else { event!(Level::INFO) }
    }

    /// By chance, so that no caller is in step with it.
    fn picks(self) -> bool {
        if self.share <= 0.0 {
            return false;
        }
        // 53 bits are what a f64 holds.
        #[allow(clippy::cast_precision_loss)]
        let chance = (random() >> 11) as f64 / (1_u64 << 53) as f64;
        chance < self.share
    }
}
