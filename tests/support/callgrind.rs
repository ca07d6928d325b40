//! Instructions per request, counted by callgrind: unlike times, they do not depend on the load of the machine.

use std::{
    fs,
    io::{Read, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Server, connect, dist_file, run_to_exit};

/// Requests in two runs. The difference of their counts is the cost of the requests alone, without start and warm-up.
const REQUESTS: [u32; 2] = [100, 1100];

/// Returns the instructions per `GET /` over one connection. The scheduling of threads changes the count of the native program by up
/// to 2 %.
///
/// # Panics
/// Panics if valgrind is not on PATH, or the server does not start.
#[must_use]
pub fn instructions_per_request(server: impl Fn() -> Command) -> u64 {
    let [few, many] = REQUESTS.map(|requests| instructions(&server(), requests));
    (many - few) / u64::from(REQUESTS[1] - REQUESTS[0])
}

/// Compiles a component to machine code in a folder, and returns its path.
///
/// # Panics
/// Panics if the component does not compile.
#[must_use]
pub fn compile_component(component: &Path, folder: &Path) -> PathBuf {
    let code = folder.join("component.cwasm");
    let mut compile = Command::new(dist_file("hello-host"));
    compile.arg("compile").arg(component).arg("--output").arg(&code);
    let compiled = run_to_exit(compile);
    assert!(compiled.succeeded(), "{}", compiled.output());
    code
}

/// Returns the command of a host with machine code that can run under valgrind: that has address space for few instances, and is so
/// slow that idle instances would be replaced.
#[must_use]
pub fn precompiled_host_command(host: &Path, code: &Path) -> Command {
    let mut command = Command::new(host);
    command.arg("serve").arg(code).args(["--precompiled", "--max-instances", "6", "--idle-instance-timeout", "1h"]);
    command
}

/// Returns the instructions of a server that starts, responds to requests, and ends.
fn instructions(command: &Command, requests: u32) -> u64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let counts = folder.path().join("callgrind.out");
    let server = Server::start(under_callgrind(command, &counts));
    send_requests(server.address, requests);
    server.signal("INT");
    assert!(server.wait_for_exit().success());
    let counts = fs::read_to_string(counts).expect("callgrind wrote its file");
    let totals = counts.lines().find_map(|line| line.strip_prefix("totals: ")).expect("the file has a total");
    totals.trim().parse().expect("the total is a number")
}

fn under_callgrind(command: &Command, counts: &Path) -> Command {
    let mut valgrind = Command::new("valgrind");
    valgrind.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", counts.display()));
    valgrind.arg(command.get_program()).args(command.get_args());
    // The default level, and the line with the ports.
    valgrind.env("HELLO_LOG", "info,hello_server=debug");
    valgrind
}

/// Sends requests one after another over one connection.
fn send_requests(address: SocketAddr, requests: u32) {
    let mut connection = connect(address);
    let mut response = [0; 4096];
    for _ in 0..requests {
        connection.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("the server reads the request");
        let mut length = 0;
        while !is_complete(&response[..length]) {
            let read = connection.read(&mut response[length..]).expect("the server responds in time");
            assert!(read > 0, "the connection was closed within a response");
            length += read;
        }
        assert!(response.starts_with(b"HTTP/1.1 200"));
    }
}

/// Whether a response is complete: the greeting is one JSON object, as a whole or in chunks.
fn is_complete(response: &[u8]) -> bool {
    response.ends_with(b"}") || response.ends_with(b"}\r\n0\r\n\r\n")
}
