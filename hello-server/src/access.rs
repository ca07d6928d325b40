//! The access log: the line of a request whose answer has ended.

use std::{borrow::Cow, time::SystemTime};

use http::StatusCode;
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
pub(crate) struct Access<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) status: u16,
    pub(crate) latency_us: u64,
    pub(crate) bytes: u64,
    pub(crate) request_id: &'a str,
    pub(crate) trace_id: Option<&'a str>,
}

/// What stands between the quotes in JSON. Most texts need no escape, and are not looked at byte by byte for one.
fn escaped(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
        return text.into();
    }
    let quoted = serde_json::to_string(text).expect("a text can be JSON");
    quoted[1..quoted.len() - 1].to_owned().into()
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

    /// Writes the line; as JSON not on the way of other lines, through `tracing`, on which every field is a call or two, nor by a
    /// serializer, which goes over every byte of the names, too: two fifths of what a line costs.
    pub(crate) fn write(self, level: Level, access: &Access<'_>) {
        let Access { method, path, status, latency_us, bytes, request_id, trace_id } = *access;
        let runtime = self.runtime;
        if log::is_json() {
            let trace_id = trace_id.map(|id| [r#"","trace_id":""#, id].concat()).unwrap_or_default();
            let line = [
                r#"{"timestamp":""#,
                &humantime::format_rfc3339_micros(SystemTime::now()).to_string(),
                r#"","level":""#,
                level.as_str(),
                r#"","message":"request","target":"access","method":""#,
                &escaped(method),
                r#"","path":""#,
                &escaped(path),
                r#"","status":"#,
                &status.to_string(),
                r#","latency_us":"#,
                &latency_us.to_string(),
                r#","bytes":"#,
                &bytes.to_string(),
                r#","request_id":""#,
                &escaped(request_id),
                &trace_id,
                r#"","runtime":""#,
                runtime,
                "\"}\n",
            ];
            return lines::push(line.concat().as_bytes());
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_escaped_text_is_the_same_in_json(characters in prop::collection::vec(any::<char>(), 0..20), plain in "[!-~]{0,20}") {
            for text in [String::from_iter(characters), plain] {
                prop_assert_eq!(serde_json::from_str::<String>(&format!("\"{}\"", escaped(&text))).unwrap(), text);
            }
        }
    }
}
