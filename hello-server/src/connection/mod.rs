//! Connections: from a socket to requests.

mod accept_loop;
mod connection_server;
mod limit;
mod listener;
mod memory;
mod protocol;
mod stream;
mod worker_pool;

pub(crate) use accept_loop::{PAUSE_AFTER_ERROR, accept_loop};
pub(crate) use connection_server::ConnectionServer;
pub(crate) use limit::ConnectionLimit;
pub(crate) use listener::bind;
pub(crate) use memory::ConnectionMemory;
pub(crate) use worker_pool::Workers;
