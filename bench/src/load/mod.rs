//! The load: a closed loop for throughput, an open loop for latency. One thread sends it over kept-alive connections.

mod connection;

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

use tokio::{runtime::Builder, task::yield_now};

pub(crate) use self::connection::Request;
use self::connection::{Connection, Outcome};

/// Result of a slice of load.
#[derive(Clone, Copy)]
pub(crate) struct Slice {
    /// Number of responses, all with status 200.
    pub(crate) responses: u64,
    pub(crate) elapsed: Duration,
}

/// Sends a request over a number of connections, each the next one after its response, until the time is over.
///
/// # Errors
/// A connection fails, or a response is not a 200: a measurement with errors is invalid.
pub(crate) fn closed_loop(
    address: SocketAddr,
    request: &Request,
    connections: usize,
    time: Duration,
) -> io::Result<Slice> {
    let responses = Arc::<AtomicU64>::default();
    let started = Instant::now();
    let count = responses.clone();
    on_connections(address, request, connections, async move |connection| {
        while started.elapsed() < time {
            connection.succeed().await?;
            count.fetch_add(1, Relaxed);
        }
        Ok(())
    })?;
    Ok(Slice { responses: responses.load(Relaxed), elapsed: started.elapsed() })
}

/// Sends requests at a constant rate per second, independent of the responses. Returns the sorted latencies, each from the moment
/// when the request was due: waiting for a busy server counts.
///
/// # Errors
/// The same as for `closed_loop`.
pub(crate) fn open_loop(
    address: SocketAddr,
    request: &Request,
    connections: usize,
    rate: f64,
    time: Duration,
) -> io::Result<Vec<Duration>> {
    let latencies = Arc::<Mutex<Vec<Duration>>>::default();
    let (pace, measured) = (Pace::new(rate, time), latencies.clone());
    on_connections(address, request, connections, async move |connection| {
        while let Some(due) = pace.next_due().await {
            connection.succeed().await?;
            push(&measured, due.elapsed());
        }
        Ok(())
    })?;
    Ok(take_sorted(&latencies))
}

/// Result of an overload.
pub(crate) struct Overload {
    /// Number of responses with status 200.
    pub(crate) responses: u64,
    /// Sorted latencies of the rejections: responses with status 503 and Retry-After.
    pub(crate) rejections: Vec<Duration>,
    /// Time from the first request to the last response.
    pub(crate) elapsed: Duration,
}

/// Sends requests at a constant rate per second that exceeds the capacity of the server.
///
/// # Errors
/// A connection fails, or a response is neither a 200 nor a 503 with Retry-After.
pub(crate) fn overload(
    address: SocketAddr,
    request: &Request,
    connections: usize,
    rate: f64,
    time: Duration,
) -> io::Result<Overload> {
    let (responses, rejections) = (Arc::<AtomicU64>::default(), Arc::<Mutex<Vec<Duration>>>::default());
    let (pace, count, rejected) = (Pace::new(rate, time), responses.clone(), rejections.clone());
    let started = Instant::now();
    on_connections(address, request, connections, async move |connection| {
        while pace.next_due().await.is_some() {
            let sent = Instant::now();
            match connection.exchange().await? {
                Outcome::Success => _ = count.fetch_add(1, Relaxed),
                Outcome::Rejection => push(&rejected, sent.elapsed()),
            }
        }
        Ok(())
    })?;
    let responses = responses.load(Relaxed);
    Ok(Overload { responses, rejections: take_sorted(&rejections), elapsed: started.elapsed() })
}

fn push(times: &Mutex<Vec<Duration>>, time: Duration) {
    times.lock().unwrap_or_else(PoisonError::into_inner).push(time);
}

fn take_sorted(times: &Mutex<Vec<Duration>>) -> Vec<Duration> {
    let mut times = std::mem::take(&mut *times.lock().unwrap_or_else(PoisonError::into_inner));
    times.sort_unstable();
    times
}

/// Due times of the requests of an open loop. Clones share the requests among them.
#[derive(Clone)]
struct Pace {
    started: Instant,
    /// Requests per second.
    rate: f64,
    time: Duration,
    next: Arc<AtomicU64>,
}

impl Pace {
    fn new(rate: f64, time: Duration) -> Self {
        Pace { started: Instant::now(), rate, time, next: Arc::default() }
    }

    /// Waits until the next request is due and returns that moment, or `None` when the time is over.
    async fn next_due(&self) -> Option<Instant> {
        #[allow(clippy::cast_precision_loss)]
        let after = Duration::from_secs_f64(self.next.fetch_add(1, Relaxed) as f64 / self.rate);
        let due = self.started + after;
        // Timers have a resolution of a millisecond, which is too coarse here.
        while after < self.time && Instant::now() < due {
            yield_now().await;
        }
        (after < self.time).then_some(due)
    }
}

/// Runs one task per connection, until all have ended.
fn on_connections(
    address: SocketAddr,
    request: &Request,
    connections: usize,
    task: impl AsyncFn(&mut Connection) -> io::Result<()> + Clone + 'static,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().event_interval(1).build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let busy_loop = has_own_cpu().then(|| {
            tokio::task::spawn_local(async {
                loop {
                    yield_now().await;
                }
            })
        });
        let tasks: Vec<_> = (0..connections)
            .map(|_| {
                let (request, task) = (request.clone(), task.clone());
                tokio::task::spawn_local(async move { task(&mut Connection::open(address, request).await?).await })
            })
            .collect();
        for task in tasks {
            task.await.map_err(io::Error::other)??;
        }
        if let Some(busy_loop) = busy_loop {
            busy_loop.abort();
        }
        Ok(())
    })
}

/// Returns whether this process has a CPU that no server uses. Then it never sleeps: to wake a client for every response would cost
/// the server as much as the HTTP, and a client on another machine does not cost that.
fn has_own_cpu() -> bool {
    thread::available_parallelism().is_ok_and(|cpus| cpus.get() == 1)
}
