//! A server under test.

use std::{
    fs, io,
    net::SocketAddr,
    process::{Command, ExitStatus, Stdio},
    thread,
    time::Instant,
};

use serde_json::Value;

use crate::{
    Process, Response, TIMEOUT,
    client::get,
    log::Log,
    log_messages::{READY, STARTING},
    with_flags,
};

/// A running server. It is killed on drop.
pub struct Server {
    process: Process,
    /// The address of the service.
    pub address: SocketAddr,
    /// The address of the admin port.
    pub admin: SocketAddr,
    log: Log,
}

/// Number of log lines that are printed when a test fails.
const LINES_ON_FAILURE: usize = 40;

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            let lines = self.log.lines();
            eprintln!("the last lines of the log of {}:", self.address);
            lines.iter().skip(lines.len().saturating_sub(LINES_ON_FAILURE)).for_each(|line| eprintln!("  {line}"));
        }
    }
}

/// Starts a server with more flags.
#[must_use]
pub fn start(command: Command, flags: &[&str]) -> Server {
    Server::start(with_flags(command, flags))
}

impl Server {
    /// Starts a server on free ports and waits until they are bound. The server need not be ready.
    ///
    /// # Panics
    /// Panics if the server does not bind its ports in time.
    #[must_use]
    pub fn start_bound(mut command: Command) -> Self {
        command.env("HELLO_LISTEN", "127.0.0.1:0").env("HELLO_ADMIN_LISTEN", "127.0.0.1:0");
        // The line with the ports is logged at the level debug.
        if command.get_envs().all(|(name, _)| name != "HELLO_LOG") {
            command.env("HELLO_LOG", "debug");
        }
        let mut process = Process::start(&command, Stdio::inherit(), Stdio::piped());
        let log = Log::read(process.output().next().expect("standard error is a pipe"));
        let starting = log.wait_for(|line| line["message"] == STARTING);
        let address = |field: &str| {
            starting[field].as_str().and_then(|text| text.parse().ok()).expect("the line has the address")
        };
        Server { address: address("listen"), admin: address("admin"), process, log }
    }

    /// Starts a server on free ports and waits until it is ready.
    #[must_use]
    pub fn start(command: Command) -> Self {
        let server = Self::start_bound(command);
        server.wait_for_message(READY);
        server
    }

    /// Sends a GET to the service.
    #[must_use]
    pub fn get(&self, path: &str) -> Response {
        get(self.address, path)
    }

    /// Sends a GET to the admin port.
    #[must_use]
    pub fn get_admin(&self, path: &str) -> Response {
        get(self.admin, path)
    }

    /// Returns the value of a series in `/metrics`, or 0 if there is no such series.
    ///
    /// # Panics
    /// Panics if the value is not a number.
    #[must_use]
    pub fn metric(&self, series: &str) -> f64 {
        let metrics = self.get_admin("/metrics");
        let value = metrics.text().lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().expect("the value is a number"))
    }

    /// Waits until a series has this value. A request is counted after its response has been sent.
    pub fn wait_for_metric(&self, series: &str, expected: f64) {
        self.wait_for_metric_where(series, |value| (value - expected).abs() <= f64::EPSILON, &format!("{expected}"));
    }

    /// Waits until the value of a series fulfils a condition, which `description` names.
    ///
    /// # Panics
    /// Panics after [`TIMEOUT`].
    pub fn wait_for_metric_where(&self, series: &str, is_wanted: impl Fn(f64) -> bool, description: &str) {
        let deadline = Instant::now() + TIMEOUT;
        while !is_wanted(self.metric(series)) {
            assert!(Instant::now() < deadline, "{series} is {}, not {description}", self.metric(series));
            thread::yield_now();
        }
    }

    /// Waits for a log line, past or future.
    #[allow(clippy::must_use_candidate)]
    pub fn wait_for_log(&self, is_wanted: impl Fn(&Value) -> bool) -> Value {
        self.log.wait_for(is_wanted)
    }

    /// Waits for a log line with this message.
    #[allow(clippy::must_use_candidate)]
    pub fn wait_for_message(&self, message: &str) -> Value {
        self.wait_for_log(|line| line["message"] == message)
    }

    /// Waits until this many log lines fulfil a condition.
    ///
    /// # Panics
    /// Panics after [`TIMEOUT`].
    pub fn wait_for_log_count(&self, count: usize, is_wanted: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + TIMEOUT;
        let found = || self.log().iter().filter(|line| is_wanted(line)).count();
        while found() < count {
            assert!(Instant::now() < deadline, "{} lines of {count} in {:#?}", found(), self.log());
            thread::yield_now();
        }
    }

    /// Returns all log lines so far.
    #[must_use]
    pub fn log(&self) -> Vec<Value> {
        self.log.lines()
    }

    /// Asserts that the server has recovered: nothing is in flight, a request succeeds, and the log has neither a panic nor a broken
    /// line.
    ///
    /// # Panics
    /// Panics if one of these does not hold.
    pub fn assert_recovered(&self) {
        self.wait_for_metric("http_requests_in_flight", 0.0);
        self.wait_for_metric("http_connections", 0.0);
        assert_eq!(self.get("/").status, 200);
        for line in self.log() {
            assert!(!line.is_string(), "a line of the log is broken: {line}");
            let is_panic = line["message"].as_str().is_some_and(|message| message.contains("panic"));
            assert!(!is_panic, "{line}");
        }
    }

    /// Returns the CPU time of each worker thread, in ticks of the kernel, which are 10 ms long on most machines.
    ///
    /// # Panics
    /// Panics without Linux.
    #[must_use]
    pub fn worker_cpu_ticks(&self) -> Vec<u64> {
        let stat = |task: io::Result<fs::DirEntry>| fs::read_to_string(task?.path().join("stat"));
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.id())).expect("the process runs");
        let stats = tasks.map(|task| stat(task).expect("the thread runs"));
        let workers = stats.filter_map(|stat| Some(stat.split_once("(worker) ")?.1.to_owned()));
        // proc(5): utime and stime are the 14th and 15th field; the name is the second.
        let ticks = |fields: String| {
            fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("ticks are a number")).sum()
        };
        workers.map(ticks).collect()
    }

    /// Returns the peak memory of the process so far, in bytes.
    ///
    /// # Panics
    /// Panics without Linux.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("the process runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak.and_then(|peak| peak.parse::<u64>().ok()).expect("VmHWM is a number") << 10
    }

    /// Sends a signal by its name, such as `TERM`.
    ///
    /// # Panics
    /// Panics if the process has ended.
    pub fn signal(&self, name: &str) {
        assert!(self.process.signal(name), "kill -s {name} failed");
    }

    /// Waits until the process ends by itself.
    #[must_use]
    pub fn wait_for_exit(mut self) -> ExitStatus {
        self.process.wait_for_exit()
    }
}
