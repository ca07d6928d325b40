//! Start, memory and image size of a server.

use std::{fs, io, path::Path, process::Command};

use super::{CONNECTIONS, start, throughput};
use crate::{
    compare::{count, sorted},
    cpu_pinning::CpuPinning::Shared,
    load::{self, Request},
    report::{Limit, Report, Unit},
    server::{Server, ServerSpec},
};

/// Number of starts, of which the median counts.
const STARTS: usize = 21;

/// Adds the time from the start of a process to its first response.
pub(super) fn starts(what: &str, spec: &ServerSpec, limit: Limit, report: &mut Report) -> io::Result<()> {
    Shared.apply()?;
    eprintln!("starts of {what}");
    let start_time = || Ok(Server::start(spec, &[])?.first_response.as_secs_f64() * 1e3);
    // The first start fills the caches.
    start_time()?;
    let starts = (0..STARTS).map(|_| start_time());
    let starts = sorted(starts.collect::<io::Result<Vec<_>>>()?);
    report.add_target(format!("process start to first response: {what}"), starts, Unit::Milliseconds, limit);
    Ok(())
}

/// Adds the memory of an idle process, and after load.
pub(super) fn memory(what: &str, spec: &ServerSpec, idle: Limit, loaded: Limit, report: &mut Report) -> io::Result<()> {
    Shared.apply()?;
    eprintln!("memory of {what}");
    let mut add = |state: &str, limit: Limit, server: &Server| {
        let memory = vec![count(server.memory_kib()?) / 1024.0];
        report.add_target(format!("memory, {state}: {what}"), memory, Unit::Mebibytes, limit);
        Ok::<_, io::Error>(())
    };
    let server = start(spec, Shared)?;
    add("idle", idle, &server)?;
    let get = Request::get("/");
    load::closed_loop(server.address, &get, 1000, throughput::SLICE)?;
    add("after load over 1,000 connections", loaded, &server)?;
    let mut responses = 0;
    while responses < 1_000_000 {
        responses += load::closed_loop(server.address, &get, CONNECTIONS, throughput::SLICE)?.responses;
    }
    add("after 1,000,000 requests more", loaded, &server)
}

/// Adds the size of an image.
pub(super) fn image(name: &str, limit: Limit, folder: &Path, report: &mut Report) -> io::Result<()> {
    let file = folder.join(name).with_extension("tar");
    let saved = Command::new("scripts/images.sh").arg("save").arg(name).arg(&file).output()?;
    if !saved.status.success() {
        return Err(io::Error::other(format!("there is no image {name}; `make images` builds it")));
    }
    let size = vec![count(fs::metadata(file)?.len()) / count(1 << 20)];
    report.add_target(format!("image {name}"), size, Unit::Mebibytes, limit);
    Ok(())
}
