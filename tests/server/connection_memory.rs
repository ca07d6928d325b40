//! A server in a container of 256 MiB, attacked by 10,000 connections that want to fill it: the kernel does not end the process, clients
//! that were there before are served, and the memory is free again afterwards.

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

use libtest_mimic::{Arguments, Trial};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tests::{RUNTIMES, Server, Start, tcp};
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

/// How long the attack goes on when all connections have been tried.
const SIEGE: Duration = Duration::from_secs(3);

/// What of the memory may be in use afterwards beyond what was before, in bytes: what allocators and pools keep.
const KEPT: u64 = 48 << 20;

/// A control group with a limit of memory, of version 1 or 2; removed when dropped.
struct ControlGroup {
    folder: PathBuf,
    /// Where programs look for their own.
    mount: &'static str,
    is_v2: bool,
}

impl ControlGroup {
    /// Nothing where there is no right to make one.
    fn new(name: &str) -> Option<Self> {
        let is_v2 = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
        let mount = if is_v2 { "/sys/fs/cgroup" } else { "/sys/fs/cgroup/memory" };
        let folder = Path::new(mount).join(format!("hello-test-{}-{name}", id()));
        fs::create_dir(&folder).ok()?;
        let group = ControlGroup { folder, mount, is_v2 };
        let limit = if is_v2 { "memory.max" } else { "memory.limit_in_bytes" };
        fs::write(group.folder.join(limit), CONTAINER.to_string()).ok()?;
        Some(group)
    }

    /// The same command within the group, which it sees as its own, as in a container.
    fn wrap(&self, command: &Command) -> Command {
        let mut wrapped = Command::new("unshare");
        let script = "echo $$ >\"$0\"/cgroup.procs && mount --bind \"$0\" \"$1\" && shift && exec \"$@\"";
        wrapped.args(["--mount", "sh", "-c", script]).arg(&self.folder).arg(self.mount);
        wrapped.arg(command.get_program()).args(command.get_args());
        wrapped
    }

    /// Memory in use, in bytes, without the cache of files.
    fn used(&self) -> u64 {
        let stat = fs::read_to_string(self.folder.join("memory.stat")).expect("the group");
        let value = |name: &str| -> u64 {
            let line = stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.map_or(0, |value| value.parse().expect("a number"))
        };
        if self.is_v2 { value("anon") + value("kernel") } else { value("rss") }
    }

    /// Processes that the kernel has ended because there was no memory.
    fn out_of_memory_kills(&self) -> u64 {
        let file = if self.is_v2 { "memory.events" } else { "memory.oom_control" };
        let text = fs::read_to_string(self.folder.join(file)).expect("the group");
        let kills = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        kills.expect("a count").parse().expect("a number")
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        // Its processes end a little later than they are killed.
        let deadline = Instant::now() + Duration::from_secs(10);
        while fs::remove_dir(&self.folder).is_err() && Instant::now() < deadline {
            thread::yield_now();
        }
    }
}

/// What a hostile connection sends before it only waits.
type Attack = fn() -> Vec<u8>;

const ATTACKS: [(&str, Attack); 2] =
    [("headers that never end", headers), ("uploads of HTTP/2 that read nothing", uploads)];

fn headers() -> Vec<u8> {
    let mut head = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
    while head.len() < 31_000 {
        head.extend_from_slice(b"x-filler: 0123456789012345678901234567890123456789\r\n");
    }
    head
}

/// RFC 9113: preface, SETTINGS, HEADERS of a POST, and DATA to the end of the window that every connection begins with.
fn uploads() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    // RFC 7541, appendix A: POST, http, and literals for :path and :authority.
    let fields = b"\x83\x86\x04\x05/echo\x01\x01a";
    bytes.extend_from_slice(&[0, 0, u8::try_from(fields.len()).expect("short"), 1, 4, 0, 0, 0, 1]);
    bytes.extend_from_slice(fields);
    let window: usize = 65_535;
    for start in (0..window).step_by(16_384) {
        let length = (window - start).min(16_384);
        bytes.extend_from_slice(&u32::try_from(length).expect("short").to_be_bytes()[1..]);
        bytes.extend_from_slice(&[0, 0, 0, 0, 0, 1]);
        bytes.resize(bytes.len() + length, b'x');
    }
    bytes
}

/// Opens all connections, and keeps them for a while. Returns how many were made.
fn besiege(address: SocketAddr, attack: Attack) -> u32 {
    let bytes: Arc<[u8]> = attack().into();
    let made = Arc::new(AtomicU32::new(0));
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut connections = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let (bytes, made) = (bytes.clone(), made.clone());
            connections.spawn(async move {
                // Those beyond what the server accepts wait in the kernel, or are not made.
                let Ok(Ok(mut stream)) = timeout(Duration::from_secs(10), AsyncTcpStream::connect(address)).await
                else {
                    return;
                };
                made.fetch_add(1, Relaxed);
                _ = timeout(Duration::from_secs(10), stream.write_all(&bytes)).await;
                sleep(SIEGE).await;
            });
        }
        while connections.join_next().await.is_some() {}
    });
    made.load(Relaxed)
}

/// Asks over and over on a connection that it keeps, until told to stop. Returns how many responses there were; each was 200.
fn ask(mut stream: TcpStream, done: &AtomicBool) -> u32 {
    let mut responses = 0;
    while !done.load(Relaxed) {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").expect("the connection is there");
        let mut response = Vec::new();
        while !response.ends_with(br#"{"status":"ok"}"#) {
            let mut part = [0; 1024];
            let length = stream.read(&mut part).expect("a response in time");
            assert_ne!(length, 0, "closed after {responses} responses and {:?}", String::from_utf8_lossy(&response));
            response.extend_from_slice(&part[..length]);
        }
        assert!(response.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&response));
        responses += 1;
    }
    responses
}

fn withstand(start: Start, attack: Attack, group: &ControlGroup) {
    let mut command = start();
    // Connections of good clients are not to be closed for their age; time-outs are short, so that it is over soon.
    command.args(["--idle-timeout", "1h", "--header-timeout", "5s", "--request-timeout", "5s"]);
    let server = Server::start(group.wrap(&command));
    let done = AtomicBool::new(false);
    let (made, responses) = thread::scope(|scope| {
        let good: Vec<_> = (0..20).map(|_| tcp(server.address)).collect();
        server.wait_for_metric("http_connections", 20.0);
        let before = group.used();
        let good: Vec<_> = good.into_iter().map(|stream| scope.spawn(|| ask(stream, &done))).collect();
        let made = besiege(server.address, attack);
        assert_eq!(group.out_of_memory_kills(), 0);
        server.wait_for_metric("http_connections", 20.0);
        done.store(true, Relaxed);
        let responses: u32 = good.into_iter().map(|client| client.join().expect("served all the time")).sum();
        let deadline = Instant::now() + Duration::from_secs(20);
        while group.used() > before + KEPT {
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
    setrlimit(Resource::Nofile, Rlimit { current: own.maximum, maximum: own.maximum }).expect("more descriptors");
    let may_make_groups = ControlGroup::new("probe").is_some();
    if !may_make_groups {
        eprintln!("skipped: control groups, which only root may make");
    }
    let mut trials = Vec::new();
    for (runtime, start) in RUNTIMES {
        for (number, (name, attack)) in ATTACKS.into_iter().enumerate() {
            let test = move || {
                let group = ControlGroup::new(&format!("{runtime}-{number}")).expect("a control group");
                withstand(start, attack, &group);
                Ok(())
            };
            trials.push(Trial::test(format!("{runtime}: {name}"), test).with_ignored_flag(!may_make_groups));
        }
    }
    libtest_mimic::run(&Arguments { test_threads: Some(1), ..arguments }, trials).exit_code()
}
