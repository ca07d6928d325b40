//! Everything around a handler: listeners, limits, timeouts, probes, metrics, logs, traces, and the drain.
//!
//! A program parses its settings with [`parse`], describes itself by a [`ProgramInfo`], and calls [`run`] with a future that creates its
//! [`Workload`]. Data flows one way: `connection` accepts and reads, `request` has the layers around the handler, and `telemetry` records
//! what happened. `server` starts them all, in order, and drains them: read it first.

mod admin;
mod config;
mod connection;
#[cfg(all(test, target_arch = "x86_64"))]
mod memcpy_tests;
mod program_info;
mod readiness;
mod request;
mod server;
mod signals;
mod telemetry;

pub use config::{AllowedHost, Config, LogFormat, color, container_memory, count, parse, size, timeout};
/// The allocator of the programs; that of musl is slower.
pub use mimalloc::MiMalloc as Allocator;
pub use program_info::{PROFILE, ProgramInfo, Scheduling};
pub use request::{
    Handler, RequestBody, RequestBodyError, ResponseBytes, Workload, load_shedding, may_have_content, problem,
    timed_out,
};
pub use server::run;
pub use telemetry::{ChildSpan, TRACEPARENT, TRACES_HELP};
