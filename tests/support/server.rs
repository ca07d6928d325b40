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

/// Longer than anything takes, even on a busy machine; a test that waits longer hangs. Most time goes into `promtool test rules`: half
/// a minute on two processors that do nothing else.
pub const PATIENCE: Duration = Duration::from_mins(3);

/// The folder of the whole project. Asked for when the tests run: what they were compiled in may be another clone, where clones
/// share what cargo builds.
#[must_use]
pub fn workspace() -> PathBuf {
    let tests = env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
    Path::new(&tests).ancestors().find(|folder| folder.join("Cargo.lock").exists()).expect("a workspace").to_owned()
}

/// A file that `make build` or `make fixtures` made.
#[must_use]
pub fn dist(name: &str) -> PathBuf {
    let path = workspace().join("dist").join(name);
    assert!(path.exists(), "{} is missing; run the tests with `make test`", path.display());
    path
}

/// Where nothing listens, for a program that would not tell which port it got for port 0.
///
/// # Panics
/// Where there is no such port.
#[must_use]
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port")
}

/// A program on PATH, or nothing.
#[must_use]
pub fn program(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Whether a program is not on PATH. Says so, as what is tested by it is skipped.
#[must_use]
pub fn is_missing(name: &str) -> bool {
    let is_missing = program(name).is_none();
    if is_missing {
        eprintln!("skipped: {name}, which is not on PATH");
    }
    is_missing
}

/// A program as a shell starts it. With what cargo sets for this test, cargo would build dependencies anew.
#[must_use]
pub fn from_a_shell(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    let of_this_test = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    for (name, _) in env::vars().filter(|(name, _)| of_this_test.iter().any(|start| name.starts_with(start))) {
        command.env_remove(name);
    }
    command
}

/// `hello-native`, to be started.
#[must_use]
pub fn native() -> Command {
    Command::new(dist("hello-native"))
}

/// `hello-host serve` with a component from `dist/`, to be started.
#[must_use]
pub fn host(component: &str) -> Command {
    host_with(&dist(component))
}

/// `hello-host serve` with any file, to be started.
#[must_use]
pub fn host_with(component: &Path) -> Command {
    let mut command = Command::new(dist("hello-host"));
    command.arg("serve").arg(component);
    command
}

/// A program, to be started.
pub type Start = fn() -> Command;

/// What serves hello, by the name of its runtime: `hello-native`, and `hello-host` with either component.
pub const RUNTIMES: [(&str, Start); 3] =
    [("native", native), ("wasi-0.2", || host("hello-wasi-0.2.wasm")), ("wasi-0.3", || host("hello-wasi-0.3.wasm"))];

/// The same without their names.
#[must_use]
pub fn runtimes() -> [Command; 3] {
    RUNTIMES.map(|(_, start)| start())
}

/// Starts a server with these flags.
#[must_use]
pub fn start(mut command: Command, flags: &[&str]) -> Server {
    command.args(flags);
    Server::start(command)
}

/// One of each started with these flags, after the other.
pub fn servers(flags: &[&str]) -> impl Iterator<Item = Server> {
    runtimes().into_iter().map(move |mut command| {
        command.args(flags);
        Server::start(command)
    })
}

/// A process and all that it has started: killed when dropped, and ended when the tests are.
pub struct Process(Child);

impl Process {
    /// Starts a program in a process group of its own.
    #[must_use]
    pub fn start(mut command: Command, stdout: Stdio, stderr: Stdio) -> Self {
        if let Some(setpriv) = program("setpriv") {
            command = ending_with_us(&setpriv, &command);
        }
        Process(command.process_group(0).stdout(stdout).stderr(stderr).spawn().expect("the program starts"))
    }

    /// What the program writes to standard output and standard error, where they were asked for.
    pub fn output(&mut self) -> impl Iterator<Item = Box<dyn Read + Send>> {
        let stdout = self.0.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>);
        stdout.into_iter().chain(self.0.stderr.take().map(|pipe| Box::new(pipe) as _))
    }

    /// Sends a signal by its name, such as `TERM`; gives whether the process was there to get it.
    #[must_use]
    pub fn signal(&self, name: &str) -> bool {
        let mut kill = Command::new("kill");
        kill.args(["-s", name, "--", &format!("-{}", self.0.id())]).stderr(Stdio::null());
        kill.status().expect("kill runs").success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.signal("KILL");
        _ = self.0.wait();
    }
}

/// The same command, but the kernel ends the process when the thread that started it is gone, for whatever reason.
fn ending_with_us(setpriv: &Path, command: &Command) -> Command {
    let mut wrapped = Command::new(setpriv);
    wrapped.args(["--pdeathsig", "TERM", "--"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    wrapped
}

/// A running server of ours; killed when dropped.
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
