//! The servers under measurement, as processes: their start, processor time and memory, those of their children included.

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

/// Clock ticks a second in /proc: `USER_HZ`, which is 100 on every Linux (proc(5)).
const TICKS_A_SECOND: f64 = 100.0;

/// A server slower to start than this has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// How to start a server, given its address.
pub(crate) struct Recipe {
    /// What the tables call it.
    pub(crate) name: &'static str,
    /// The command for an address to listen on.
    pub(crate) command: Box<dyn Fn(SocketAddr) -> Command>,
}

impl Recipe {
    /// A field of the line that one of our servers logs when it is ready.
    ///
    /// # Errors
    /// It does not start, or there is no such line or field.
    pub(crate) fn log_field(&self, field: &str) -> io::Result<String> {
        let mut command = (self.command)(SocketAddr::from(([127, 0, 0, 1], 0)));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let lines = child.stderr.take().map(BufReader::new).into_iter().flat_map(BufRead::lines).map_while(Result::ok);
        let line =
            lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok()).find(|line| line["message"] == "ready");
        child.kill()?;
        child.wait()?;
        let value = line.and_then(|line| line[field].as_str().map(ToOwned::to_owned));
        value.ok_or_else(|| io::Error::other(format!("{} logs no {field} when it is ready", self.name)))
    }
}

/// A server that answers; killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// What the tables call it.
    pub(crate) name: &'static str,
    /// Where it answers.
    pub(crate) address: SocketAddr,
    /// From the start of its process to its first answer.
    pub(crate) first_answer: Duration,
}

impl Server {
    /// Starts a server and waits for its first answer. The command is put behind the words of `under`, such as `taskset -c 0`.
    ///
    /// # Errors
    /// It cannot be run, or does not answer.
    pub(crate) fn start(recipe: &Recipe, under: &[&str]) -> io::Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = (recipe.command)(address);
        if let [program, arguments @ ..] = under {
            let mut wrapped = Command::new(program);
            wrapped.args(arguments).arg(command.get_program()).args(command.get_args());
            command = wrapped;
        }
        let started = Instant::now();
        let child = command
            .process_group(0)
            .stdout(Stdio::null())
            // What a server logs is written somewhere, as it is where it matters.
            .stderr(tempfile::tempfile()?)
            .spawn()
            .map_err(|error| io::Error::other(format!("cannot run {} ({command:?}): {error}", recipe.name)))?;
        let mut server = Server { child, name: recipe.name, address, first_answer: Duration::ZERO };
        while !answers(address) {
            if started.elapsed() > PATIENCE || server.child.try_wait()?.is_some() {
                return Err(io::Error::other(format!("{} does not answer ({command:?})", recipe.name)));
            }
            thread::sleep(Duration::from_micros(200));
        }
        server.first_answer = started.elapsed();
        Ok(server)
    }

    /// Processor time used so far, in seconds, by user and kernel together.
    ///
    /// # Errors
    /// /proc cannot be read.
    pub(crate) fn processor_seconds(&self) -> io::Result<f64> {
        self.processes()?.iter().map(|process| processor_seconds(*process)).sum()
    }

    /// Memory that is its own, in KiB: the proportional set size.
    ///
    /// # Errors
    /// /proc cannot be read.
    pub(crate) fn memory_kib(&self) -> io::Result<u64> {
        self.processes()?.iter().map(|process| memory_kib(*process)).sum()
    }

    /// Its processes: the first, and the children of those.
    fn processes(&self) -> io::Result<Vec<u32>> {
        let mut processes = vec![self.child.id()];
        let mut looked_at = 0;
        while let Some(parent) = processes.get(looked_at).copied() {
            for thread in fs::read_dir(format!("/proc/{parent}/task"))? {
                let children = fs::read_to_string(thread?.path().join("children")).unwrap_or_default();
                processes.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
            }
            looked_at += 1;
        }
        Ok(processes)
    }
}

fn processor_seconds(process: u32) -> io::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field, the name in parentheses, may hold anything.
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    Ok((ticks(11) + ticks(12)) / TICKS_A_SECOND)
}

fn memory_kib(process: u32) -> io::Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    Ok(line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default())
}

impl Drop for Server {
    fn drop(&mut self) {
        // The group: some servers are several processes.
        _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.child.id())]).status();
        _ = self.child.wait();
    }
}

fn answers(address: SocketAddr) -> bool {
    let ask = || -> io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n")?;
        let mut start = [0; 12];
        stream.read_exact(&mut start)?;
        Ok(&start == b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}
