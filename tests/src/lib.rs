//! What the black-box tests share: starting the real programs on free ports, and speaking HTTP to them.

mod client;
mod server;

pub use client::{Answer, AnyRequest, Protocol, get, request, send, try_send};
pub use server::{Exit, PATIENCE, Process, Server, dist, host, host_with, native, program, run_to_exit, workspace};
