//! All servers that are measured.

mod others;
mod ours;

use std::{net::SocketAddr, process::Command};

pub(crate) use self::{
    others::{OtherServers, axum_serve, bare_hyper, work_native},
    ours::{
        HOST_P2, HOST_P3, NATIVE, OurServers, compile, host_with_compiler, with_in_flight_limit, with_telemetry,
        without_variables,
    },
};
use crate::server::ServerSpec;

fn spec(name: &'static str, command: impl Fn(SocketAddr) -> Command + 'static) -> ServerSpec {
    ServerSpec { name, command: Box::new(command) }
}
