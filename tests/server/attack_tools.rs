//! Third-party attack tools against each runtime. Background traffic and probes must succeed meanwhile, and nothing may be left
//! afterwards.

use std::{
    fs,
    io::Read,
    process::{Command, ExitCode, Stdio},
    sync::mpsc::channel,
    thread,
};

use libtest_mimic::{Arguments, Failed};
use tests::{
    Missing, Process, RUNTIMES, Server, TIMEOUT, run_to_exit, start, trial, trials_or_one, with_background_traffic,
    workspace,
};

/// Memory of a container by the chart's defaults, in bytes.
const MEMORY: u64 = 256 << 20;

#[derive(Clone, Copy)]
struct Attack {
    name: &'static str,
    program: &'static str,
    /// Flags of the server, with which the attack ends soon.
    flags: &'static [&'static str],
    run: fn(&Server) -> Result<(), Failed>,
}

const ATTACKS: [Attack; 5] = [
    Attack {
        name: "slow headers",
        program: "slowhttptest",
        flags: &["--header-timeout", "2s"],
        // Each header field comes within the time-out, which counts from the first one.
        run: |server| send_slowly(server, 300, "/", &["-H", "-i", "1"]),
    },
    Attack {
        name: "slow bodies",
        program: "slowhttptest",
        flags: &["--request-timeout", "1s"],
        // Each body stalls for longer than the time-out. Until then it has an instance, of which there are 128: some must be left for
        // the background traffic.
        run: |server| send_slowly(server, 120, "/echo", &["-B", "-i", "2", "-s", "100000"]),
    },
    Attack {
        name: "slow reading",
        program: "slowhttptest",
        flags: &["--idle-timeout", "3s", "--request-timeout", "3s"],
        run: read_slowly,
    },
    Attack { name: "HTTP/2 streams", program: "h2load", flags: &[], run: open_many_streams },
    Attack {
        name: "requests generated from OpenAPI",
        program: "schemathesis",
        // Only /delay takes as long, even on a busy machine.
        flags: &["--request-timeout", "300ms"],
        run: send_requests_of_openapi,
    },
];

/// Opens connections that send slowly. The tool ends before its time, as the server closes all of them.
fn send_slowly(server: &Server, connections: u32, path: &str, mode: &[&str]) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let mut slowhttptest = slowhttptest(server, connections, path, mode);
    slowhttptest.current_dir(&folder).args(["-l", "10", "-g", "-o", "report"]);
    let exit = run_to_exit(slowhttptest);
    exit.require(exit.output().contains("No open connections left"))?;
    // The columns are seconds, closed, pending and connected connections, and whether the service is available.
    let report = fs::read_to_string(folder.path().join("report.csv"))?;
    let opened = report.lines().skip(1).filter_map(|line| {
        let columns: Vec<u32> = line.split(',').filter_map(|column| column.parse().ok()).collect();
        Some(columns.get(1)? + columns.get(3)?)
    });
    if opened.max() >= Some(connections / 2) { Ok(()) } else { Err(format!("too few connections: {report}").into()) }
}

/// Opens connections that request more than they read. The tool does not see that the server has closed them, as the kernel still has
/// responses for it.
fn read_slowly(server: &Server) -> Result<(), Failed> {
    let mode = ["-X", "-k", "10", "-w", "10", "-y", "20", "-l", "20"];
    let slowhttptest = slowhttptest(server, 300, "/openapi.json", &mode);
    let mut attack = Process::start(&slowhttptest, Stdio::piped(), Stdio::inherit());
    server.wait_for_metric_where("http_connections", |connections| connections >= 150.0, "150 or more");
    server.wait_for_metric_where("http_connections", |connections| connections < 10.0, "less than 10");
    _ = attack.signal("KILL");
    let mut stdout = attack.output().next().ok_or("standard output is not a pipe")?;
    let (sender, output) = channel();
    thread::spawn(move || {
        let mut text = String::new();
        _ = stdout.read_to_string(&mut text);
        _ = sender.send(text);
    });
    let output = output.recv_timeout(TIMEOUT)?;
    let is_over = output.contains("Hit test time limit");
    if is_over { Err("the connections were open until the tool ended".into()) } else { Ok(()) }
}

fn slowhttptest(server: &Server, connections: u32, path: &str, mode: &[&str]) -> Command {
    let mut slowhttptest = Command::new("slowhttptest");
    slowhttptest
        .env("TERM", "dumb")
        .args(["-c", &connections.to_string(), "-r", "1000", "-u", &format!("http://{}{path}", server.address)])
        .args(mode);
    slowhttptest
}

/// Opens as many streams as a connection may have, on a few connections.
fn open_many_streams(server: &Server) -> Result<(), Failed> {
    const REQUESTS: u32 = 10_000;
    let mut h2load = Command::new("h2load");
    // The background traffic gets 200, which is counted apart.
    let url = format!("http://{}/status/201", server.address);
    h2load.args(["-n", &REQUESTS.to_string(), "-c", "3", "-m", "128", &url]);
    let exit = run_to_exit(h2load);
    exit.require(exit.succeeded() && exit.stdout.contains(&format!("status codes: {REQUESTS} 2xx")))?;
    server.wait_for_metric("http_requests_total{method=\"GET\",status=\"201\"}", REQUESTS.into());
    Ok(())
}

/// Sends requests that are generated from /openapi.json, the same in every run, and validates the responses by it.
fn send_requests_of_openapi(server: &Server) -> Result<(), Failed> {
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

fn withstand(runtime: &str, command: Command, attack: Attack) -> Result<(), Failed> {
    let server = start(command, attack.flags);
    let (outcome, traffic) = with_background_traffic(&server, "/", || (attack.run)(&server));
    outcome?;
    server.assert_recovered();
    for line in server.log().iter().filter(|line| line["status"].as_u64() >= Some(500)) {
        let path = line["path"].as_str().unwrap_or_default();
        let is_requested = match path.split('/').nth(1) {
            Some("status") => path == format!("/status/{}", line["status"]),
            Some("delay") => line["status"] == 504,
            _ => false,
        };
        assert!(is_requested, "{line}");
    }
    let mebibytes = traffic.peak_memory >> 20;
    assert!(traffic.peak_memory < MEMORY, "the peak memory of the server is {mebibytes} MiB");
    eprintln!("{runtime}, {}: {} background requests, {mebibytes} MiB", attack.name, traffic.requests);
    Ok(())
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for attack in ATTACKS {
        let name = format!("{} by {}", attack.name, attack.program);
        let each_runtime = RUNTIMES.map(|(runtime, command)| {
            trial(format!("{runtime}: {name}"), None, move || withstand(runtime, command(), attack))
        });
        trials.extend(trials_or_one(&name, Missing::programs(&[attack.program]), each_runtime));
    }
    // Most of the trials wait most of the time.
    arguments.test_threads.get_or_insert(trials.len());
    libtest_mimic::run(&arguments, trials).exit_code()
}
