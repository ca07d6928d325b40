//! What a request costs, in instructions, which do not depend on the neighbours: callgrind counts them, and a change that costs over
//! 3 % more than `instructions.json` says fails. `make instructions` writes that file anew.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, ExitCode},
};

use libtest_mimic::{Arguments, Failed, Trial};
use serde::{Deserialize, Serialize};
use tests::{Server, dist, host_with, native, program, run_to_exit, workspace};

/// By how much a count may exceed the baseline.
const TOLERANCE: f64 = 0.03;

/// How often it is counted before a count is taken for what a request costs. How the threads of a run meet moves a native count by up
/// to 2 %.
const TRIES: u32 = 3;

/// Requests in two runs: the difference of their counts is what the requests between cost, without start and warm-up.
const REQUESTS: [u32; 2] = [100, 1100];

/// What a request has cost, and what it depends on besides the source.
#[derive(Deserialize, Serialize, PartialEq)]
struct Baseline {
    /// The version of the compiler.
    rustc: String,
    /// As in `std::env::consts::ARCH`.
    arch: String,
    /// Instructions a request, by runtime.
    instructions: BTreeMap<String, u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let file = workspace().join("tests/instructions.json");
    let baseline: Baseline = serde_json::from_slice(&fs::read(&file).expect("a baseline")).expect("a baseline");
    let (rustc, arch) = (rustc_version(), env::consts::ARCH.to_owned());

    if env::var_os("UPDATE_BASELINE").is_some() {
        let names = baseline.instructions.keys().cloned();
        let instructions = names.map(|name| (name.clone(), instructions_of_a_request(&name))).collect();
        let baseline = serde_json::to_string_pretty(&Baseline { rustc, arch, instructions }).expect("JSON");
        println!("{baseline}");
        fs::write(file, baseline + "\n").expect("the baseline can be written");
        return ExitCode::SUCCESS;
    }

    let reason = if program("valgrind").is_none() {
        Some("valgrind is not on PATH".to_owned())
    } else if (&rustc, &arch) != (&baseline.rustc, &baseline.arch) {
        Some(format!("the baseline is of rustc {} on {}, this is {rustc} on {arch}", baseline.rustc, baseline.arch))
    } else {
        env::var("CARGO_PROFILE_RELEASE_LTO").ok().map(|lto| format!("the programs were linked with LTO {lto}"))
    };
    if let Some(reason) = &reason {
        eprintln!("skipped: instruction counts, for {reason}");
    }
    let trial = |(name, expected): (String, u64)| {
        let title = format!("a request costs no more instructions than before: {name}");
        Trial::test(title, move || check(&name, expected)).with_ignored_flag(reason.is_some())
    };
    let trials = baseline.instructions.into_iter().map(trial).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn rustc_version() -> String {
    let mut rustc = Command::new("rustc");
    rustc.arg("--version");
    let version = run_to_exit(rustc).stdout;
    version.split_whitespace().nth(1).unwrap_or_default().to_owned()
}

#[allow(clippy::cast_precision_loss)]
fn check(name: &str, expected: u64) -> Result<(), Failed> {
    let mut comparison = String::new();
    for _ in 0..TRIES {
        let measured = instructions_of_a_request(name);
        let change = measured as f64 / expected as f64 - 1.0;
        comparison =
            format!("{measured} instructions a request, {:+.1} % against the baseline of {expected}", change * 100.0);
        println!("{name}: {comparison}");
        if change <= TOLERANCE {
            return Ok(());
        }
    }
    Err(format!("{comparison}; if that is worth it, `make instructions` sets the new one, in the commit that says why")
        .into())
}

fn instructions_of_a_request(name: &str) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    let [few, many] = REQUESTS.map(|requests| instructions(name, requests, folder.path()));
    (many - few) / u64::from(REQUESTS[1] - REQUESTS[0])
}

/// Instructions of a server that starts, answers so many requests, and ends.
fn instructions(name: &str, requests: u32, folder: &Path) -> u64 {
    let counts = folder.join("callgrind.out");
    let server = Server::start(counted(&command(name, folder), &counts));
    ask(server.address, requests);
    server.signal("INT");
    assert!(server.wait().success());
    let counts = fs::read_to_string(counts).expect("callgrind has written its file");
    let totals = counts.lines().find_map(|line| line.strip_prefix("totals: ")).expect("a total");
    totals.trim().parse().expect("a number")
}

fn command(name: &str, folder: &Path) -> Command {
    if name == "native" {
        return native();
    }
    // Code for any processor, so that this one's kind does not count.
    let code = folder.join("component.cwasm");
    let mut compile = Command::new(dist("hello-host"));
    compile.arg("compile").arg(dist(&format!("hello-{name}.wasm"))).arg("--output").arg(&code);
    let compiled = run_to_exit(compile);
    assert!(compiled.succeeded(), "{}", compiled.output());
    let mut serve = host_with(&code);
    // Under valgrind there is no address space for more; and an instance that goes idle would be made anew.
    serve.args(["--precompiled", "--max-instances", "6", "--idle-instance-timeout", "1h"]);
    serve
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
