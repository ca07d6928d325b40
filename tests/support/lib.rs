//! Support crate of the tests: starts the real programs on free ports, speaks HTTP to them, and reads their logs and metrics.

mod background_traffic;
mod callgrind;
mod chart;
mod client;
mod connection;
mod dashboard;
mod document;
mod each_runtime;
mod log;
pub mod log_messages;
mod other_host;
mod process;
mod programs;
mod prometheus;
mod requirements;
mod response;
mod server;

use std::time::Duration;

/// Time limit of every wait, longer than anything takes on a busy machine. `promtool test rules` takes the longest: half a minute on
/// two idle CPUs.
pub const TIMEOUT: Duration = Duration::from_mins(3);

/// The version of the programs under test.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

pub use background_traffic::{BackgroundTraffic, with_background_traffic};
pub use callgrind::{compile_component, instructions_per_request, precompiled_host_command};
pub use chart::{CHART_ALL, CHART_FEATURES, SPIN_APP_FIELDS};
pub use client::{
    BoxRequest, Protocol, RequestBody, get, http2_connection, into_http2, request, send, try_send, wait_until_reachable,
};
pub use connection::{connect, read_head, read_to_close, reset_connection, send_raw};
pub use dashboard::{Panel, RELEASE, dashboard, fill_variables, panels};
pub use document::{CodeBlock, all_code_blocks, code_blocks, update_document};
pub use other_host::OtherHost;
pub use process::{Exit, Process, run_to_exit, run_to_exit_within};
pub use programs::{
    CommandFn, RUNTIMES, command_without_cargo_variables, dist_file, find_program, free_address, git_files,
    host_command, host_command_for, native_command, with_flags, workspace,
};
pub use prometheus::{Prometheus, Sample, Series};
pub use requirements::{Missing, run_trials, trial, trials_or_one};
pub use response::Response;
pub use server::{Server, start};
