//! Programs of others that attack servers, put to every runtime. Meanwhile requests and probes of others succeed, and afterwards
//! nothing is left of it. Where a program is not on PATH, its cases are reported as ignored.

use std::{
    fs,
    io::Read,
    process::{Command, ExitCode, Stdio},
};

use libtest_mimic::{Arguments, Failed, Trial};
use tests::{Process, RUNTIMES, Server, program, run_to_exit, with_bystanders, workspace};

/// What a container may use by the chart's defaults, in bytes.
const MEMORY: u64 = 256 << 20;

#[derive(Clone, Copy)]
struct Attack {
    name: &'static str,
    program: &'static str,
    /// Flags of the server, with which it is over soon.
    limits: &'static [&'static str],
    run: fn(&Server) -> Result<(), Failed>,
}

const ATTACKS: [Attack; 5] = [
    Attack {
        name: "slow headers",
        program: "slowhttptest",
        limits: &["--header-timeout", "2s"],
        // They go on within the time-out: what counts is when they began.
        run: |server| slow_sending(server, 300, "/", &["-H", "-i", "1"]),
    },
    Attack {
        name: "slow bodies",
        program: "slowhttptest",
        limits: &["--request-timeout", "1s"],
        // They stand still for longer than an answer, which an echo has begun, may. Each keeps an instance until then, and there
        // may be 128 of those: others are to find one.
        run: |server| slow_sending(server, 120, "/echo", &["-B", "-i", "2", "-s", "100000"]),
    },
    Attack {
        name: "slow reading",
        program: "slowhttptest",
        limits: &["--idle-timeout", "3s", "--request-timeout", "3s"],
        run: slow_reading,
    },
    Attack { name: "streams of HTTP/2", program: "h2load", limits: &[], run: many_streams },
    Attack {
        name: "what the document allows, and what not",
        program: "schemathesis",
        // Only /delay takes as long, also on a machine that is busy with other tests.
        limits: &["--request-timeout", "300ms"],
        run: by_the_document,
    },
];

/// Connections that are in no hurry to send. All of them are closed, so that it ends before its time.
fn slow_sending(server: &Server, connections: u32, path: &str, mode: &[&str]) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let mut slowhttptest = slowhttptest(server, connections, path, mode);
    slowhttptest.current_dir(&folder).args(["-l", "10", "-g", "-o", "report"]);
    let exit = run_to_exit(slowhttptest);
    exit.require(exit.output().contains("No open connections left"))?;
    // Seconds, connections that are closed, pending, connected, and whether another one was answered.
    let report = fs::read_to_string(folder.path().join("report.csv"))?;
    let opened = report.lines().skip(1).filter_map(|line| {
        let columns: Vec<u32> = line.split(',').filter_map(|column| column.parse().ok()).collect();
        Some(columns.get(1)? + columns.get(3)?)
    });
    if opened.max() >= Some(connections / 2) { Ok(()) } else { Err(format!("it did not connect: {report}").into()) }
}

/// Connections that ask for more than they read. Only the server knows that they have ended: the kernel still has the answers.
fn slow_reading(server: &Server) -> Result<(), Failed> {
    let mode = ["-X", "-k", "10", "-w", "10", "-y", "20", "-l", "20"];
    let mut attack =
        Process::start(slowhttptest(server, 300, "/openapi.json", &mode), Stdio::piped(), Stdio::inherit());
    server.wait_until("http_connections", |connections| connections >= 150.0, "150 or more");
    server.wait_until("http_connections", |connections| connections < 10.0, "less than 10");
    _ = attack.signal("KILL");
    let mut said = String::new();
    attack.output().next().expect("a pipe").read_to_string(&mut said)?;
    if said.contains("Hit test time limit") {
        Err("its connections have ended only with itself".into())
    } else {
        Ok(())
    }
}

fn slowhttptest(server: &Server, connections: u32, path: &str, mode: &[&str]) -> Command {
    let mut slowhttptest = Command::new("slowhttptest");
    slowhttptest
        .env("TERM", "dumb")
        .args(["-c", &connections.to_string(), "-r", "1000", "-u", &format!("http://{}{path}", server.address)])
        .args(mode);
    slowhttptest
}

/// As many streams as a connection may have, on a few connections.
fn many_streams(server: &Server) -> Result<(), Failed> {
    const REQUESTS: u32 = 10_000;
    let mut h2load = Command::new("h2load");
    // Others ask for 200.
    h2load.args([
        "-n",
        &REQUESTS.to_string(),
        "-c",
        "3",
        "-m",
        "128",
        &format!("http://{}/status/201", server.address),
    ]);
    let exit = run_to_exit(h2load);
    exit.require(exit.succeeded() && exit.stdout.contains(&format!("status codes: {REQUESTS} 2xx")))?;
    server.wait_for_metric("http_requests_total{method=\"GET\",status=\"201\"}", REQUESTS.into());
    Ok(())
}

/// Requests made from /openapi.json, the same every time, and answers held against it.
fn by_the_document(server: &Server) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let mut schemathesis = Command::new("schemathesis");
    schemathesis
        .current_dir(&folder)
        .arg("--config-file")
        .arg(workspace().join("tests/fixtures/schemathesis.toml"))
        .args(["run", "--no-color", "--generation-deterministic", "--max-examples", "100"])
        .arg(format!("http://{}/openapi.json", server.address));
    let exit = run_to_exit(schemathesis);
    Ok(exit.require(exit.succeeded())?)
}

fn withstands(runtime: &str, mut command: Command, attack: Attack) -> Result<(), Failed> {
    command.args(attack.limits);
    let server = Server::start(command);
    let (outcome, bystanders) = with_bystanders(&server, "/", || (attack.run)(&server));
    outcome?;
    server.settle();
    for line in server.log().iter().filter(|line| line["status"].as_u64() >= Some(500)) {
        let path = line["path"].as_str().unwrap_or_default();
        let is_asked_for = match path.split('/').nth(1) {
            Some("status") => path == format!("/status/{}", line["status"]),
            Some("delay") => line["status"] == 504,
            _ => false,
        };
        assert!(is_asked_for, "{line}");
    }
    let memory = bystanders.most_memory >> 20;
    assert!(bystanders.most_memory < MEMORY, "the server has held {memory} MiB");
    eprintln!("{runtime}, {}: {} requests of others, {memory} MiB", attack.name, bystanders.answered);
    Ok(())
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for attack in ATTACKS {
        let skipped = program(attack.program).is_none();
        if skipped {
            eprintln!("skipped: {}, as {} is not on PATH", attack.name, attack.program);
        }
        for (runtime, start) in RUNTIMES {
            let title = format!("{runtime}: {}, by {}", attack.name, attack.program);
            let test = move || withstands(runtime, start(), attack);
            trials.push(Trial::test(title, test).with_ignored_flag(skipped));
        }
    }
    // Most of them wait, most of the time.
    arguments.test_threads.get_or_insert(trials.len());
    libtest_mimic::run(&arguments, trials).exit_code()
}
