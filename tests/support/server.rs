//! The programs under test as processes, which end with the test that started them.

use std::{
    env,
    ffi::OsStr,
    fs,
    io::{self, BufRead, BufReader, Read},
    net::{SocketAddr, TcpListener},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::client::{Answer, get};

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
    /// Where the service answers.
    pub address: SocketAddr,
    /// Where probes and metrics answer.
    pub admin: SocketAddr,
    log: Log,
}

/// Log lines that are shown if a test fails.
const SHOWN: usize = 40;

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            let lines = self.log.lines();
            eprintln!("the last lines that {} logged:", self.address);
            lines.iter().skip(lines.len().saturating_sub(SHOWN)).for_each(|line| eprintln!("  {line}"));
        }
    }
}

impl Server {
    /// Starts a server on free ports and waits until it is bound, not until it is ready.
    #[must_use]
    pub fn bound(mut command: Command) -> Self {
        command.env("HELLO_LISTEN", "127.0.0.1:0").env("HELLO_ADMIN_LISTEN", "127.0.0.1:0");
        // "starting", which tells the ports, is a debug line.
        if command.get_envs().all(|(name, _)| name != "HELLO_LOG") {
            command.env("HELLO_LOG", "debug");
        }
        let mut process = Process::start(command, Stdio::inherit(), Stdio::piped());
        let log = Log::read(process.output().next().expect("a pipe"));
        let starting = log.wait_for(|line| line["message"] == "starting");
        let address = |field: &str| starting[field].as_str().expect("an address").parse().expect("an address");
        Server { address: address("listen"), admin: address("admin"), process, log }
    }

    /// Starts a server on free ports and waits until it is ready.
    #[must_use]
    pub fn start(command: Command) -> Self {
        let server = Self::bound(command);
        server.wait_for_log(|line| line["message"] == "ready");
        server
    }

    /// A GET to the service.
    #[must_use]
    pub fn get(&self, path: &str) -> Answer {
        get(self.address, path)
    }

    /// A GET to the admin port.
    #[must_use]
    pub fn admin(&self, path: &str) -> Answer {
        get(self.admin, path)
    }

    /// The value of a series as `/metrics` shows it; 0 where it does not show.
    #[must_use]
    pub fn metric(&self, series: &str) -> f64 {
        let metrics = self.admin("/metrics");
        let value = metrics.text().lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// Waits until a series has a value: counting happens after an answer has been read.
    pub fn wait_for_metric(&self, series: &str, expected: f64) {
        self.wait_until(series, |value| (value - expected).abs() <= f64::EPSILON, &format!("{expected}"));
    }

    /// Waits until a series has a value that is wanted, as `what` says.
    ///
    /// # Panics
    /// Where that takes too long.
    pub fn wait_until(&self, series: &str, is_wanted: impl Fn(f64) -> bool, what: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !is_wanted(self.metric(series)) {
            assert!(Instant::now() < deadline, "{series} is {}, not {what}", self.metric(series));
            thread::yield_now();
        }
    }

    /// Waits for a log line, past or to come.
    #[allow(clippy::must_use_candidate)]
    pub fn wait_for_log(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        self.log.wait_for(wanted)
    }

    /// Waits until so many lines of the log are wanted.
    ///
    /// # Panics
    /// If that takes too long.
    pub fn wait_until_logged(&self, count: usize, wanted: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let found = || self.log().iter().filter(|line| wanted(line)).count();
        while found() < count {
            assert!(Instant::now() < deadline, "{} lines of {count} in {:#?}", found(), self.log());
            thread::yield_now();
        }
    }

    /// All log lines so far.
    #[must_use]
    pub fn log(&self) -> Vec<Value> {
        self.log.lines()
    }

    /// Waits until nothing is left of what callers have done, and makes sure that none of it was too much for the program.
    ///
    /// # Panics
    /// Where a good request is not answered, or the log tells of a panic, or has a line that is not whole.
    pub fn settle(&self) {
        self.wait_for_metric("http_requests_in_flight", 0.0);
        self.wait_for_metric("http_connections", 0.0);
        assert_eq!(self.get("/").status, 200);
        for line in self.log() {
            assert!(!line.is_string(), "a line of the log is not whole: {line}");
            let is_panic = line["message"].as_str().is_some_and(|message| message.contains("panic"));
            assert!(!is_panic, "{line}");
        }
    }

    /// The processor time of each of the threads that serve connections, in ticks of the kernel, of 10 ms on most.
    #[must_use]
    pub fn ticks_of_workers(&self) -> Vec<u64> {
        let stat = |task: io::Result<fs::DirEntry>| fs::read_to_string(task?.path().join("stat"));
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.0.id())).expect("the process runs");
        let stats = tasks.map(|task| stat(task).expect("the thread runs"));
        let workers = stats.filter_map(|stat| Some(stat.split_once("(worker) ")?.1.to_owned()));
        // proc(5): utime and stime are the 14th and 15th field; the name is the second.
        let ticks = |fields: String| {
            fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
        };
        workers.map(ticks).collect()
    }

    /// The most memory that the process has held so far, in bytes.
    ///
    /// # Panics
    /// Where there is no such process, or no Linux.
    #[must_use]
    pub fn most_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.0.id())).expect("the process runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak.and_then(|peak| peak.parse::<u64>().ok()).expect("a number") << 10
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        assert!(self.process.signal(name), "kill -s {name} failed");
    }

    /// Waits for the process to end by itself.
    #[must_use]
    pub fn wait(mut self) -> ExitStatus {
        wait(&mut self.process.0)
    }
}

/// Log lines as they come, and those that have come.
struct Log {
    incoming: Mutex<Receiver<Value>>,
    seen: Arc<Mutex<Vec<Value>>>,
}

impl Log {
    fn read(stderr: impl Read + Send + 'static) -> Self {
        let (sender, incoming) = channel();
        let seen = Arc::<Mutex<Vec<Value>>>::default();
        let lines = seen.clone();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                // A line that is not JSON is the reason of a failed start.
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                lines.lock().expect("no panic").push(line.clone());
                _ = sender.send(line);
            }
        });
        Log { incoming: Mutex::new(incoming), seen }
    }

    fn lines(&self) -> Vec<Value> {
        self.seen.lock().expect("no panic").clone()
    }

    fn wait_for(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let incoming = self.incoming.lock().expect("no panic");
        if let Some(line) = self.lines().into_iter().find(&wanted) {
            return line;
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            match incoming.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if wanted(&line) => return line,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => panic!("the log line did not come; there are {:#?}", self.lines()),
                Err(RecvTimeoutError::Disconnected) => panic!("the program ended; it said {:#?}", self.lines()),
            }
        }
    }
}

/// How a program ended.
#[derive(Debug)]
pub struct Exit {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Exit {
    /// Whether its exit code is 0.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.code == Some(0)
    }

    /// Fails with all that it wrote, unless the condition holds.
    ///
    /// # Errors
    /// What it wrote.
    pub fn require(&self, condition: bool) -> Result<(), String> {
        if condition { Ok(()) } else { Err(self.output()) }
    }

    /// All that it wrote.
    #[must_use]
    pub fn output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Runs a program that is expected to end by itself.
#[must_use]
pub fn run_to_exit(mut command: Command) -> Exit {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let read = |mut pipe: Box<dyn Read + Send>| {
        thread::spawn(move || {
            let mut text = String::new();
            _ = pipe.read_to_string(&mut text);
            text
        })
    };
    let stdout = read(Box::new(child.stdout.take().expect("a pipe")));
    let stderr = read(Box::new(child.stderr.take().expect("a pipe")));
    let code = wait(&mut child).code();
    Exit { code, stdout: stdout.join().expect("text"), stderr: stderr.join().expect("text") }
}

fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status;
        }
        if Instant::now() > deadline {
            _ = child.kill();
            panic!("the program did not end");
        }
        thread::sleep(Duration::from_millis(5));
    }
}
