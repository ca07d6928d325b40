//! Resources that a machine can run out of: a reader of the log, disk space, file descriptors. The servers keep serving.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    process::{Command, Stdio},
    sync::mpsc::channel,
    thread,
};

use serde_json::Value;
use tests::{Process, Server, TIMEOUT, connect, free_address, get, read_to_close, wait_until_reachable, with_flags};

tests::command_tests! {
    blocked_stderr_drops_and_counts_log_lines;
    full_disk_of_the_log_does_not_affect_requests;
    closed_stderr_does_not_affect_requests;
    fd_exhaustion_keeps_open_connections_working;
}

/// Starts a server whose log is not read, so that it cannot show its address.
fn start_without_log(command: Command, flags: &[&str], stderr: Stdio) -> (Process, SocketAddr) {
    let address = free_address();
    let mut command = with_flags(command, flags);
    command.arg("--listen").arg(address.to_string()).args(["--admin-listen", "127.0.0.1:0"]);
    let process = Process::start(&command, Stdio::null(), stderr);
    wait_until_reachable(address);
    (process, address)
}

fn blocked_stderr_drops_and_counts_log_lines(command: Command) {
    const REQUESTS: usize = 4000;
    let flags = ["--access-log", "1", "--log-format", "json"];
    let (mut process, address) = start_without_log(command, &flags, Stdio::piped());
    // More than the pipe and the queue before it hold.
    let path = "x".repeat(1000);
    let request = format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let last = format!("GET /{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let mut receiver = connect(address);
    let mut sender = receiver.try_clone().expect("the socket is cloned");
    let requests = thread::spawn(move || sender.write_all((request.repeat(REQUESTS - 1) + &last).as_bytes()));
    let responses = read_to_close(&mut receiver);
    requests.join().expect("the sender does not panic").expect("all requests are sent");
    assert_eq!(responses.matches("HTTP/1.1 404").count(), REQUESTS);

    let lines = BufReader::new(process.output().next().expect("standard error is a pipe")).lines();
    let (found, report) = channel();
    thread::spawn(move || {
        let mut written = 0;
        for line in lines.map_while(Result::ok) {
            let line: Value = serde_json::from_str(&line).expect("no line is broken");
            written += u64::from(line["target"] == "access");
            if let Some(dropped) = line["lines"].as_u64() {
                _ = found.send((written, dropped));
                return;
            }
        }
    });
    let (written, dropped) = report.recv_timeout(TIMEOUT).expect("a line reports the number of dropped lines");
    assert!(dropped > 0 && written + dropped <= REQUESTS as u64 + 1, "{dropped} dropped, {written} written");
}

fn assert_serves(address: SocketAddr) {
    assert_eq!(get(address, "/status/503").status, 503);
    assert_eq!(get(address, "/").status, 200);
}

fn full_disk_of_the_log_does_not_affect_requests(command: Command) {
    let full = File::options().write(true).open("/dev/full").expect("Linux has /dev/full");
    let (_process, address) = start_without_log(command, &["--access-log", "1"], full.into());
    assert_serves(address);
}

fn closed_stderr_does_not_affect_requests(command: Command) {
    let (reader, writer) = std::io::pipe().expect("a pipe is created");
    drop(reader);
    let (_process, address) = start_without_log(command, &["--access-log", "1"], writer.into());
    assert_serves(address);
}

#[allow(clippy::needless_pass_by_value)] // As the other functions of `command_tests`.
fn fd_exhaustion_keeps_open_connections_working(command: Command) {
    let mut limited = Command::new("prlimit");
    limited.args(["--nofile=64", "--"]).arg(command.get_program()).args(command.get_args());
    let server = Server::start(limited);
    let mut connections: Vec<_> = (0..100).map(|_| connect(server.address)).collect();
    server.wait_for_message("cannot accept a connection");
    let first = &mut connections[0];
    first.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("the request is sent");
    let response = read_to_close(first);
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    drop(connections);
    assert_eq!(server.get("/").status, 200);
    assert_eq!(server.get_admin("/livez").status, 200);
}
