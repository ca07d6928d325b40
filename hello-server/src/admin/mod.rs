//! The admin port: probes, metrics, and the log filter.

mod routes;
mod server;

pub(crate) use server::spawn;
