//! What a machine may withhold: someone who reads the log, room for it, descriptors. The servers go on.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Command, Stdio},
    thread,
};

use serde_json::Value;
use tests::{Process, Server, free_address, get, host, native, wait_until_it_answers};

fn servers() -> [Command; 2] {
    [native(), host("hello-wasi-0.3.wasm")]
}

/// Starts a server that says nothing of where it serves.
fn started(mut command: Command, stderr: Stdio) -> (Process, SocketAddr) {
    let address = free_address();
    command.arg("--listen").arg(address.to_string()).args(["--admin-listen", "127.0.0.1:0"]);
    let process = Process::start(command, Stdio::null(), stderr);
    wait_until_it_answers(address);
    (process, address)
}

#[test]
fn a_log_that_nobody_reads_stops_no_request_and_says_later_what_was_lost() {
    const REQUESTS: usize = 4000;
    for mut command in servers() {
        command.args(["--access-log", "1", "--log-format", "json"]);
        let (mut process, address) = started(command, Stdio::piped());
        // More than a pipe holds, and what waits before it.
        let path = "x".repeat(1000);
        let one = format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n");
        let closing = format!("GET /{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let mut answers = TcpStream::connect(address).expect("a connection");
        let mut requests = answers.try_clone().expect("a connection");
        let sender = thread::spawn(move || requests.write_all((one.repeat(REQUESTS - 1) + &closing).as_bytes()));
        let mut answered = String::new();
        answers.read_to_string(&mut answered).expect("answers");
        sender.join().expect("no panic").expect("sent");
        assert_eq!(answered.matches("HTTP/1.1 404").count(), REQUESTS);

        let lines = BufReader::new(process.output().next().expect("a pipe")).lines();
        let mut written = 0;
        let lost = lines.map(|line| line.expect("text")).find_map(|line| {
            let line: Value = serde_json::from_str(&line).expect("every line is whole");
            written += u64::from(line["target"] == "access");
            line["lines"].as_u64()
        });
        let lost = lost.expect("a line that says it");
        assert!(lost > 0 && written + lost <= REQUESTS as u64 + 1, "{lost} lost, {written} written");
    }
}

#[test]
fn a_log_that_cannot_be_written_stops_no_request() {
    for flags in [&["--access-log", "1"][..], &[]] {
        for mut command in servers() {
            command.args(flags);
            let full = File::options().write(true).open("/dev/full").expect("Linux has it");
            let (_process, address) = started(command, full.into());
            assert_eq!(get(address, "/status/503").status, 503);
            assert_eq!(get(address, "/").status, 200);
        }
        for mut command in servers() {
            command.args(flags);
            let (reader, writer) = std::io::pipe().expect("a pipe");
            drop(reader);
            let (_process, address) = started(command, writer.into());
            assert_eq!(get(address, "/status/503").status, 503);
            assert_eq!(get(address, "/").status, 200);
        }
    }
}

#[test]
fn without_descriptors_for_more_connections_those_there_are_served() {
    for command in servers() {
        let mut limited = Command::new("prlimit");
        limited.args(["--nofile=64", "--"]).arg(command.get_program()).args(command.get_args());
        let server = Server::start(limited);
        let mut held: Vec<_> =
            (0..100).map(|_| TcpStream::connect(server.address).expect("the kernel takes it")).collect();
        server.wait_for_log(|line| line["message"] == "cannot accept a connection");
        let first = &mut held[0];
        first.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("sent");
        let mut answer = String::new();
        first.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        drop(held);
        assert_eq!(server.get("/").status, 200);
        assert_eq!(server.admin("/livez").status, 200);
    }
}
