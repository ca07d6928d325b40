//! Records of requests: log, metrics, traces.

mod access_log;
mod labels;
mod log_writer;
mod logging;
mod metrics;
mod otlp_client;
mod spans;
mod tracer;

pub(crate) use access_log::{AccessLog, AccessRecord};
pub(crate) use log_writer::flush as flush_log;
pub(crate) use logging::{filter as log_filter, set_filter as set_log_filter, start as start_logging};
pub(crate) use metrics::METRICS;
pub use spans::{ChildSpan, TRACEPARENT};
pub(crate) use spans::{ServerSpan, trace_id};
pub use tracer::HELP as TRACES_HELP;
pub(crate) use tracer::Tracer;
