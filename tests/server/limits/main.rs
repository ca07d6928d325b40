//! Limits of the server as a client sees them, with each runtime.

mod access_log;
mod bodies;
mod connections;
mod http2;
mod in_flight;
mod log_filter;
mod requests;
