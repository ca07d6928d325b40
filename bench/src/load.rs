//! The load: closed loop for the peak, open loop for the tail; from one thread, over kept-alive connections.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Builder,
    task::yield_now,
};

/// What is asked, again and again.
#[derive(Clone)]
pub(crate) struct Request(Arc<[u8]>);

impl Request {
    pub(crate) fn get(path: &str) -> Self {
        Request(format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n").into_bytes().into())
    }

    /// So many bytes, to be sent back.
    pub(crate) fn echo(length: usize) -> Self {
        let mut bytes = format!("POST /echo HTTP/1.1\r\nHost: bench\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        bytes.resize(bytes.len() + length, b'x');
        Request(bytes.into())
    }
}

/// What a slice of load gave.
#[derive(Clone, Copy)]
pub(crate) struct Slice {
    /// Requests answered with 200.
    pub(crate) answered: u64,
    /// How long it took.
    pub(crate) elapsed: Duration,
}

/// Sends a request over these many connections, each the next one when it has the answer, until the time is over.
///
/// # Errors
/// A connection that fails, or an answer that is not 200: a measurement with errors is none.
pub(crate) fn closed_loop(
    address: SocketAddr,
    request: &Request,
    connections: usize,
    time: Duration,
) -> io::Result<Slice> {
    let answered = Arc::<AtomicU64>::default();
    let started = Instant::now();
    let count = answered.clone();
    over_connections(address, request, connections, async move |connection| {
        while started.elapsed() < time {
            connection.ask().await?;
            count.fetch_add(1, Relaxed);
        }
        Ok(())
    })?;
    Ok(Slice { answered: answered.load(Relaxed), elapsed: started.elapsed() })
}

/// Sends requests at a constant rate a second, whatever the answers do. Gives how long each took, from the moment that it was due:
/// what waits for a busy server counts as the server's. Sorted.
///
/// # Errors
/// As `closed_loop`.
pub(crate) fn open_loop(
    address: SocketAddr,
    request: &Request,
    connections: usize,
    rate: f64,
    time: Duration,
) -> io::Result<Vec<Duration>> {
    let latencies = Arc::<Mutex<Vec<Duration>>>::default();
    let (pace, measured) = (Pace::new(rate, time), latencies.clone());
    over_connections(address, request, connections, async move |connection| {
        while let Some(due) = pace.turn().await {
            connection.ask().await?;
            measured.lock().unwrap_or_else(PoisonError::into_inner).push(due.elapsed());
        }
        Ok(())
    })?;
    Ok(taken_sorted(&latencies))
}

/// What a server does that is asked for more than it has places for.
pub(crate) struct Overload {
    /// Requests answered with 200.
    pub(crate) answered: u64,
    /// How long it took to answer others with 503, and when to come again. Sorted.
    pub(crate) refusals: Vec<Duration>,
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
}

/// Sends requests at a constant rate a second, more than can be answered.
///
/// # Errors
/// A connection that fails, or an answer that is neither 200 nor 503 with Retry-After.
pub(crate) fn overload(
    address: SocketAddr,
    request: &Request,
    connections: usize,
    rate: f64,
    time: Duration,
) -> io::Result<Overload> {
    let (answered, refusals) = (Arc::<AtomicU64>::default(), Arc::<Mutex<Vec<Duration>>>::default());
    let (pace, count, refused) = (Pace::new(rate, time), answered.clone(), refusals.clone());
    let started = Instant::now();
    over_connections(address, request, connections, async move |connection| {
        while pace.turn().await.is_some() {
            let asked = Instant::now();
            match connection.exchange().await? {
                Answer::Ok => _ = count.fetch_add(1, Relaxed),
                Answer::ComeAgain => refused.lock().unwrap_or_else(PoisonError::into_inner).push(asked.elapsed()),
            }
        }
        Ok(())
    })?;
    let answered = answered.load(Relaxed);
    Ok(Overload { answered, refusals: taken_sorted(&refusals), elapsed: started.elapsed() })
}

fn taken_sorted(times: &Mutex<Vec<Duration>>) -> Vec<Duration> {
    let mut times = std::mem::take(&mut *times.lock().unwrap_or_else(PoisonError::into_inner));
    times.sort_unstable();
    times
}

/// When each request of an open loop is due. Clones share the requests among them.
#[derive(Clone)]
struct Pace {
    started: Instant,
    /// Requests a second.
    rate: f64,
    time: Duration,
    next: Arc<AtomicU64>,
}

impl Pace {
    fn new(rate: f64, time: Duration) -> Self {
        Pace { started: Instant::now(), rate, time, next: Arc::default() }
    }

    /// Waits until the next request is due, and gives when that was; nothing when the time is over.
    async fn turn(&self) -> Option<Instant> {
        #[allow(clippy::cast_precision_loss)]
        let after = Duration::from_secs_f64(self.next.fetch_add(1, Relaxed) as f64 / self.rate);
        let due = self.started + after;
        // Timers tick in milliseconds, which is too coarse here.
        while after < self.time && Instant::now() < due {
            yield_now().await;
        }
        (after < self.time).then_some(due)
    }
}

fn over_connections(
    address: SocketAddr,
    request: &Request,
    connections: usize,
    use_it: impl AsyncFn(&mut Connection) -> io::Result<()> + Clone + 'static,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().event_interval(1).build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let awake = is_apart().then(|| {
            tokio::task::spawn_local(async {
                loop {
                    yield_now().await;
                }
            })
        });
        let tasks: Vec<_> = (0..connections)
            .map(|_| {
                let (request, use_it) = (request.clone(), use_it.clone());
                tokio::task::spawn_local(async move { use_it(&mut Connection::open(address, request).await?).await })
            })
            .collect();
        for task in tasks {
            task.await.map_err(io::Error::other)??;
        }
        if let Some(awake) = awake {
            awake.abort();
        }
        Ok(())
    })
}

/// Whether this process has a processor that no server may use. Then it never sleeps: a server that has to wake its client with every
/// answer, which one on another machine would not have to, pays for that as much as for the HTTP.
fn is_apart() -> bool {
    thread::available_parallelism().is_ok_and(|processors| processors.get() == 1)
}

struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    request: Request,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr, request: Request) -> io::Result<Self> {
        let stream = connect(address).await?;
        Ok(Connection { address, stream, request, buffer: Vec::with_capacity(64 * 1024) })
    }

    /// One request and its whole answer, which is to be 200.
    async fn ask(&mut self) -> io::Result<()> {
        match self.exchange().await? {
            Answer::Ok => Ok(()),
            Answer::ComeAgain => Err(io::Error::other("an answer with status 503")),
        }
    }

    /// One request and its whole answer. What is sent back while it is still being sent is read meanwhile.
    async fn exchange(&mut self) -> io::Result<Answer> {
        self.buffer.clear();
        let (mut reading, mut writing) = self.stream.split();
        let (buffer, request) = (&mut self.buffer, &self.request.0);
        let answer = async {
            loop {
                if let Some(end) = end_of_answer(buffer)? {
                    return Ok(end);
                }
                if reading.read_buf(buffer).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        };
        let ((), (answer, end)) = tokio::try_join!(writing.write_all(request), answer)?;
        if end == End::Close {
            self.stream = connect(self.address).await?;
        }
        Ok(answer)
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// What may be answered.
enum Answer {
    /// 200
    Ok,
    /// 503 with Retry-After
    ComeAgain,
}

/// What becomes of a connection after an answer.
#[derive(PartialEq)]
enum End {
    KeepAlive,
    Close,
}

/// An answer that has arrived to its end, by its length or its last chunk.
fn end_of_answer(bytes: &[u8]) -> io::Result<Option<(Answer, End)>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut answer = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(head)) = answer.parse(bytes) else { return Ok(None) };
    let header = |name: &str| {
        answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    };
    let kind = match answer.code {
        Some(200) => Answer::Ok,
        Some(503) if header("retry-after").is_some() => Answer::ComeAgain,
        code => return Err(io::Error::other(format!("an answer with status {code:?}"))),
    };
    let length = header("content-length").and_then(|value| std::str::from_utf8(value).ok()?.parse::<usize>().ok());
    let is_whole = match length {
        Some(length) => bytes.len() >= head + length,
        None => bytes.ends_with(b"0\r\n\r\n"),
    };
    let end = if header("connection") == Some(b"close") { End::Close } else { End::KeepAlive };
    Ok(is_whole.then_some((kind, end)))
}
