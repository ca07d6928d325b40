//! Servers as processes: their start, CPU time and memory, including those of their children.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// Clock ticks per second in /proc: `USER_HZ`, which is 100 on every Linux (proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// Timeout until the first response.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Name of a server, and the command that starts it.
pub(crate) struct ServerSpec {
    /// The name in tables.
    pub(crate) name: &'static str,
    /// Returns the command for an address to listen on.
    pub(crate) command: Box<dyn Fn(SocketAddr) -> Command>,
}

impl ServerSpec {
    /// Starts one of our servers, and returns a field of the line that it logs when it is ready.
    ///
    /// # Errors
    /// The server does not start, or does not log this field.
    pub(crate) fn log_field(&self, field: &str) -> io::Result<String> {
        let mut command = (self.command)(SocketAddr::from(([127, 0, 0, 1], 0)));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let lines = child.stderr.take().map(BufReader::new).into_iter().flat_map(BufRead::lines).map_while(Result::ok);
        let line =
            lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok()).find(|line| line["message"] == "ready");
        child.kill()?;
        child.wait()?;
        let value = line.and_then(|line| line[field].as_str().map(ToOwned::to_owned));
        value.ok_or_else(|| io::Error::other(format!("{} does not log {field} when it is ready", self.name)))
    }
}

/// A running server. It is killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// The name in tables.
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    /// Time from the start of the process to the first response.
    pub(crate) first_response: Duration,
}

impl Server {
    /// Starts a server and waits for its first response. The words of `prefix`, such as `taskset -c 0`, go before its command.
    ///
    /// # Errors
    /// The server does not start, or does not respond.
    pub(crate) fn start(spec: &ServerSpec, prefix: &[&str]) -> io::Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = (spec.command)(address);
        if let [program, arguments @ ..] = prefix {
            let mut wrapped = Command::new(program);
            wrapped.args(arguments).arg(command.get_program()).args(command.get_args());
            command = wrapped;
        }
        let started = Instant::now();
        let child = command
            .process_group(0)
            .stdout(Stdio::null())
            // A deployed server writes its log somewhere, too.
            .stderr(tempfile::tempfile()?)
            .spawn()
            .map_err(|error| io::Error::other(format!("cannot run {} ({command:?}): {error}", spec.name)))?;
        let mut server = Server { child, name: spec.name, address, first_response: Duration::ZERO };
        while !responds(address) {
            if started.elapsed() > START_TIMEOUT || server.child.try_wait()?.is_some() {
                return Err(io::Error::other(format!("{} does not respond ({command:?})", spec.name)));
            }
            thread::sleep(Duration::from_micros(200));
        }
        server.first_response = started.elapsed();
        Ok(server)
    }

    /// Returns the CPU time so far in seconds, of user and kernel together.
    ///
    /// # Errors
    /// /proc is not readable.
    pub(crate) fn cpu_seconds(&self) -> io::Result<f64> {
        self.processes()?.iter().map(|process| cpu_seconds(*process)).sum()
    }

    /// Returns the memory in KiB, as the proportional set size.
    ///
    /// # Errors
    /// /proc is not readable.
    pub(crate) fn memory_kib(&self) -> io::Result<u64> {
        self.processes()?.iter().map(|process| memory_kib(*process)).sum()
    }

    /// Returns the first process and all its descendants.
    fn processes(&self) -> io::Result<Vec<u32>> {
        let mut processes = vec![self.child.id()];
        let mut next = 0;
        while let Some(parent) = processes.get(next).copied() {
            for thread in fs::read_dir(format!("/proc/{parent}/task"))? {
                let children = fs::read_to_string(thread?.path().join("children")).unwrap_or_default();
                processes.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
            }
            next += 1;
        }
        Ok(processes)
    }
}

fn cpu_seconds(process: u32) -> io::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field, the name in parentheses, may contain spaces and parentheses.
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    Ok((ticks(11) + ticks(12)) / TICKS_PER_SECOND)
}

fn memory_kib(process: u32) -> io::Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    Ok(line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default())
}

impl Drop for Server {
    fn drop(&mut self) {
        // Kills the process group: some servers have several processes.
        _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.child.id())]).status();
        _ = self.child.wait();
    }
}

fn responds(address: SocketAddr) -> bool {
    let respond = || -> io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(START_TIMEOUT))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n")?;
        let mut start = [0; 12];
        stream.read_exact(&mut start)?;
        Ok(&start == b"HTTP/1.1 200")
    };
    respond().unwrap_or(false)
}
