//! Instructions per request, counted by callgrind: unlike times, the same whatever else the machine does.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Server,
    server::{dist, run_to_exit},
};

/// Requests in two runs: the difference of their counts is the cost of the requests between, without start and warm-up.
const REQUESTS: [u32; 2] = [100, 1100];

/// Instructions per request of a server of ours, for `GET /` over one connection. How the threads of a run meet moves the count of
/// the native program by up to 2 %.
///
/// # Panics
/// Where valgrind is not on PATH, or the server does not start.
#[must_use]
pub fn instructions_per_request(server: impl Fn() -> Command) -> u64 {
    let [few, many] = REQUESTS.map(|requests| instructions(&server(), requests));
    (many - few) / u64::from(REQUESTS[1] - REQUESTS[0])
}

/// Compiles a component into a folder, for any processor of this architecture.
///
/// # Panics
/// Where it does not compile.
#[must_use]
pub fn compile(component: &Path, folder: &Path) -> PathBuf {
    let code = folder.join("component.cwasm");
    let mut compile = Command::new(dist("hello-host"));
    compile.arg("compile").arg(component).arg("--output").arg(&code);
    let compiled = run_to_exit(compile);
    assert!(compiled.succeeded(), "{}", compiled.output());
    code
}

/// A host with machine code, to be started under valgrind: which has address space for no more instances, and under which an idle one
/// would be replaced.
#[must_use]
pub fn host_precompiled(host: &Path, code: &Path) -> Command {
    let mut command = Command::new(host);
    command.arg("serve").arg(code).args(["--precompiled", "--max-instances", "6", "--idle-instance-timeout", "1h"]);
    command
}

/// Instructions of a server that starts, answers so many requests, and ends.
fn instructions(server: &Command, requests: u32) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    let counts = folder.path().join("callgrind.out");
    let server = Server::start(counted(server, &counts));
    ask(server.address, requests);
    server.signal("INT");
    assert!(server.wait().success());
    let counts = fs::read_to_string(counts).expect("callgrind has written its file");
    let totals = counts.lines().find_map(|line| line.strip_prefix("totals: ")).expect("a total");
    totals.trim().parse().expect("a number")
}

/// The command under callgrind.
fn counted(command: &Command, counts: &Path) -> Command {
    let mut valgrind = Command::new("valgrind");
    valgrind.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", counts.display()));
    valgrind.arg(command.get_program()).args(command.get_args());
    // As at the default level, but for the line that tells the ports.
    valgrind.env("HELLO_LOG", "info,hello_server=debug");
    valgrind
}

/// One request after the other over one connection.
fn ask(address: SocketAddr, requests: u32) {
    let mut connection = TcpStream::connect(address).expect("the server listens");
    let mut answer = [0; 4096];
    for _ in 0..requests {
        connection.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("the server reads");
        let mut length = 0;
        while !is_whole(&answer[..length]) {
            let read = connection.read(&mut answer[length..]).expect("the server answers");
            assert!(read > 0, "the answer broke off");
            length += read;
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"));
    }
}

/// The greeting is one JSON object, in one piece or in chunks.
fn is_whole(answer: &[u8]) -> bool {
    answer.ends_with(b"}") || answer.ends_with(b"}\r\n0\r\n\r\n")
}
