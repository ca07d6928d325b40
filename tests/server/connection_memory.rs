//! A server in a container of 256 MiB under 10,000 connections that fill its memory. The kernel does not kill the process, clients that
//! were connected before are served, and the memory is freed afterwards.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, ExitCode, id},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use libtest_mimic::Arguments;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tests::{CommandFn, Missing, RUNTIMES, Server, connect, trial, trials_or_one};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream as AsyncTcpStream,
    runtime::Builder,
    task::JoinSet,
    time::{sleep, timeout},
};

/// Memory of the container in bytes, as the chart's limit.
const CONTAINER: u64 = 256 << 20;

const CONNECTIONS: usize = 10_000;

/// Time for which the attack keeps its connections.
const ATTACK_DURATION: Duration = Duration::from_secs(3);

/// Memory that allocators and pools may keep after the attack, in bytes.
const MAX_KEPT: u64 = 48 << 20;

/// A control group with a memory limit, of version 1 or 2. It is removed on drop.
struct ControlGroup {
    folder: PathBuf,
    /// The folder in which a program looks for its own group.
    mount: &'static str,
    is_v2: bool,
}

impl ControlGroup {
    /// Creates a group, if this user may do so.
    fn create(name: &str) -> Option<Self> {
        let is_v2 = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
        let mount = if is_v2 { "/sys/fs/cgroup" } else { "/sys/fs/cgroup/memory" };
        let folder = Path::new(mount).join(format!("hello-test-{}-{name}", id()));
        fs::create_dir(&folder).ok()?;
        let group = ControlGroup { folder, mount, is_v2 };
        let limit = if is_v2 { "memory.max" } else { "memory.limit_in_bytes" };
        fs::write(group.folder.join(limit), CONTAINER.to_string()).ok()?;
        Some(group)
    }

    /// Returns the same command, to run within the group, which it sees as its own as in a container.
    fn wrap(&self, command: &Command) -> Command {
        let mut wrapped = Command::new("unshare");
        let script = "echo $$ >\"$0\"/cgroup.procs && mount --bind \"$0\" \"$1\" && shift && exec \"$@\"";
        wrapped.args(["--mount", "sh", "-c", script]).arg(&self.folder).arg(self.mount);
        wrapped.arg(command.get_program()).args(command.get_args());
        wrapped
    }

    /// Returns the memory in use, in bytes, without the page cache.
    fn used(&self) -> u64 {
        let stat = fs::read_to_string(self.folder.join("memory.stat")).expect("the group has the file");
        let value = |name: &str| -> u64 {
            let line = stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.map_or(0, |value| value.parse().expect("the value is a number"))
        };
        if self.is_v2 { value("anon") + value("kernel") } else { value("rss") }
    }

    /// Returns the number of processes that the kernel has killed because there was no memory.
    fn out_of_memory_kills(&self) -> u64 {
        let file = if self.is_v2 { "memory.events" } else { "memory.oom_control" };
        let text = fs::read_to_string(self.folder.join(file)).expect("the group has the file");
        let kills = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        kills.and_then(|kills| kills.parse().ok()).expect("the kills are counted")
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        // A killed process needs a moment to end.
        let deadline = Instant::now() + Duration::from_secs(10);
        while fs::remove_dir(&self.folder).is_err() && Instant::now() < deadline {
            thread::yield_now();
        }
    }
}

/// Returns the bytes that a hostile connection sends before it waits.
type Attack = fn() -> Vec<u8>;

const ATTACKS: [(&str, Attack); 2] = [("endless headers", headers), ("HTTP/2 uploads that do not read", uploads)];

fn headers() -> Vec<u8> {
    let mut head = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
    while head.len() < 31_000 {
        head.extend_from_slice(b"x-filler: 0123456789012345678901234567890123456789\r\n");
    }
    head
}

/// Preface, SETTINGS, HEADERS of a POST, and DATA that fills the initial window of the connection (RFC 9113).
fn uploads() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    // POST, http, and literals for :path and :authority (RFC 7541, appendix A).
    let fields = b"\x83\x86\x04\x05/echo\x01\x01a";
    bytes.extend_from_slice(&[0, 0, u8::try_from(fields.len()).expect("the length is short"), 1, 4, 0, 0, 0, 1]);
    bytes.extend_from_slice(fields);
    let window: usize = 65_535;
    for start in (0..window).step_by(16_384) {
        let length = (window - start).min(16_384);
        bytes.extend_from_slice(&u32::try_from(length).expect("the length is short").to_be_bytes()[1..]);
        bytes.extend_from_slice(&[0, 0, 0, 0, 0, 1]);
        bytes.resize(bytes.len() + length, b'x');
    }
    bytes
}

/// Opens all connections and keeps them for a while. Returns how many were made.
fn open_hostile_connections(address: SocketAddr, attack: Attack) -> u32 {
    let bytes: Arc<[u8]> = attack().into();
    let made = Arc::new(AtomicU32::new(0));
    let runtime = Builder::new_current_thread().enable_all().build().expect("the runtime starts");
    runtime.block_on(async {
        let mut connections = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let (bytes, made) = (bytes.clone(), made.clone());
            connections.spawn(async move {
                // Connections over the server's limit wait in the kernel, or fail.
                let Ok(Ok(mut stream)) = timeout(Duration::from_secs(10), AsyncTcpStream::connect(address)).await
                else {
                    return;
                };
                made.fetch_add(1, Relaxed);
                _ = timeout(Duration::from_secs(10), stream.write_all(&bytes)).await;
                sleep(ATTACK_DURATION).await;
            });
        }
        while connections.join_next().await.is_some() {}
    });
    made.load(Relaxed)
}

/// Sends requests over one connection until `done` is set. Returns the number of responses, each of which was 200.
fn send_requests(mut stream: TcpStream, done: &AtomicBool) -> u32 {
    let mut responses = 0;
    while !done.load(Relaxed) {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").expect("the connection is open");
        let mut response = Vec::new();
        while !response.ends_with(br#"{"status":"ok"}"#) {
            let mut part = [0; 1024];
            let length = stream.read(&mut part).expect("the response arrives in time");
            assert_ne!(length, 0, "closed after {responses} responses and {:?}", String::from_utf8_lossy(&response));
            response.extend_from_slice(&part[..length]);
        }
        assert!(response.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&response));
        responses += 1;
    }
    responses
}

fn withstand(command: CommandFn, attack: Attack, group: &ControlGroup) {
    let mut command = command();
    // The well-behaved clients keep their connections; the other time-outs are short, so that the test ends soon.
    command.args(["--idle-timeout", "1h", "--header-timeout", "5s", "--request-timeout", "5s"]);
    let server = Server::start(group.wrap(&command));
    let done = AtomicBool::new(false);
    let (made, responses) = thread::scope(|scope| {
        let clients: Vec<_> = (0..20).map(|_| connect(server.address)).collect();
        server.wait_for_metric("http_connections", 20.0);
        let before = group.used();
        let clients: Vec<_> = clients.into_iter().map(|stream| scope.spawn(|| send_requests(stream, &done))).collect();
        let made = open_hostile_connections(server.address, attack);
        assert_eq!(group.out_of_memory_kills(), 0);
        server.wait_for_metric("http_connections", 20.0);
        done.store(true, Relaxed);
        let responses: u32 =
            clients.into_iter().map(|client| client.join().expect("the client is served all the time")).sum();
        let deadline = Instant::now() + Duration::from_secs(20);
        while group.used() > before + MAX_KEPT {
            assert!(Instant::now() < deadline, "{} MiB are in use, {} before", group.used() >> 20, before >> 20);
            thread::yield_now();
        }
        (made, responses)
    });
    assert!(made > 1000, "{made} connections were made");
    assert!(responses > 0);
    server.wait_for_metric("http_requests_in_flight", 0.0);
    assert_eq!(server.get("/").status, 200);
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let own = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: own.maximum, maximum: own.maximum })
        .expect("the process may have more descriptors");
    let may_create_groups = ControlGroup::create("probe").is_some();
    let mut trials = Vec::new();
    for (runtime, command) in RUNTIMES {
        for (number, (name, attack)) in ATTACKS.into_iter().enumerate() {
            trials.push(trial(format!("{runtime}: {name}"), None, move || {
                let group = ControlGroup::create(&format!("{runtime}-{number}")).ok_or("no control group")?;
                withstand(command, attack, &group);
                Ok(())
            }));
        }
    }
    let missing = Missing::unless(may_create_groups, "the right to create control groups");
    let trials = trials_or_one("memory under attack", missing, trials);
    libtest_mimic::run(&Arguments { test_threads: Some(1), ..arguments }, trials).exit_code()
}
