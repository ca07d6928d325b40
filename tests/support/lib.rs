//! What the black-box tests share: starting the real programs on free ports, speaking HTTP to them, and seeing what is seen of them.

mod background_traffic;
mod callgrind;
mod chart;
mod client;
mod dashboard;
mod document;
mod each_runtime;
mod other_host;
mod prometheus;
mod server;

/// The version that is built.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

pub use background_traffic::{Bystanders, with_bystanders};
pub use callgrind::{compile, host_precompiled, instructions_per_request};
pub use chart::{CHART_ALL, CHART_FEATURES, SPIN_APP_FIELDS};
pub use client::{
    Answer, AnyBody, AnyRequest, Protocol, get, http2_connection, over_http2, raw, read_to_close, request, reset, send,
    tcp, try_send, wait_until_it_answers,
};
pub use dashboard::{Panel, RELEASE, dashboard, filled_in, panels};
pub use document::{Block, all_blocks, blocks, update_document};
pub use other_host::OtherHost;
pub use prometheus::{Prometheus, Sample, Series};
pub use server::{
    Exit, PATIENCE, Process, RUNTIMES, Server, Start, dist, free_address, from_a_shell, host, host_with, is_missing,
    native, program, run_to_exit, runtimes, servers, start, workspace,
};
