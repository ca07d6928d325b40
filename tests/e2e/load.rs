//! Load from outside of the cluster, at a constant rate: half of the requests over kept connections, half over new ones. Failed requests
//! are not repeated. One request in forty takes two seconds, so that some are always in flight.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    error::Error,
    net::SocketAddr,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tests::TIMEOUT;
use tokio::{
    net::TcpStream,
    runtime::Builder,
    task::{LocalSet, spawn_local},
    time::{MissedTickBehavior, interval, timeout},
};

use crate::measures::measure;

/// Time between two requests. One small pod can serve this rate, which hits every moment of a roll-out.
const PERIOD: Duration = Duration::from_millis(5);

/// Time between two requests of a rate at which an autoscaler scales down.
const IDLE_PERIOD: Duration = Duration::from_millis(200);

/// One request in this many is slow.
const SLOW_EVERY: usize = 40;
const SLOW_PATH: &str = "/delay/2";

type Sender = http1::SendRequest<Empty<Bytes>>;

/// Outcome of the requests.
#[derive(Default, Debug)]
pub(crate) struct Outcome {
    /// Responses with status 200 by runtime.
    pub(crate) succeeded: BTreeMap<String, u64>,
    /// Slow responses with status 200, which do not have the runtime.
    slow: u64,
    /// Failed requests by error.
    pub(crate) failed: BTreeMap<String, u64>,
}

/// A running load.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Outcome>>,
}

/// Ends the load even if a case fails.
impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

impl Load {
    /// Starts a load that keeps a pod busy.
    pub(crate) fn start(address: SocketAddr) -> Self {
        Self::with_period(PERIOD, true, address)
    }

    /// Starts the same load with a connection per request, so that it is spread over all pods.
    pub(crate) fn spread(address: SocketAddr) -> Self {
        Self::with_period(PERIOD, false, address)
    }

    /// Starts a load that is almost none.
    pub(crate) fn idle(address: SocketAddr) -> Self {
        Self::with_period(IDLE_PERIOD, true, address)
    }

    fn with_period(period: Duration, keeps_connections: bool, address: SocketAddr) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let stopped = stop.clone();
        Load { stop, thread: Some(thread::spawn(move || run(address, period, keeps_connections, &stopped))) }
    }

    /// Ends the load and asserts that no request has failed.
    #[allow(clippy::must_use_candidate)]
    pub(crate) fn finish(self, during: &str) -> Outcome {
        let outcome = self.end(during);
        assert!(outcome.failed.is_empty(), "during {during}: {outcome:#?}");
        outcome
    }

    /// Ends the load. Requests may have failed.
    pub(crate) fn end(mut self, during: &str) -> Outcome {
        self.stop.store(true, Relaxed);
        let outcome = self.thread.take().expect("the load is ended once").join().expect("the load does not panic");
        let succeeded = outcome.succeeded.values().sum::<u64>() + outcome.slow;
        let failed = outcome.failed.values().sum::<u64>();
        measure(format!("failed requests during {during}"), format!("{failed} of {}", succeeded + failed));
        assert!(succeeded > 0, "no request has succeeded during {during}");
        outcome
    }
}

fn run(address: SocketAddr, period: Duration, keeps_connections: bool, stop: &AtomicBool) -> Outcome {
    let outcome = Rc::<RefCell<Outcome>>::default();
    let kept = Rc::<RefCell<Vec<Sender>>>::default();
    let runtime = Builder::new_current_thread().enable_all().build().expect("the runtime starts");
    LocalSet::new().block_on(&runtime, async {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut requests = Vec::new();
        while !stop.load(Relaxed) {
            ticks.tick().await;
            let kept = (keeps_connections && requests.len() % 2 == 0).then(|| kept.clone());
            let path = if requests.len() % SLOW_EVERY == 1 { SLOW_PATH } else { "/" };
            let outcome = outcome.clone();
            requests.push(spawn_local(async move {
                let response = send(address, path, kept);
                let response = timeout(TIMEOUT, response).await.unwrap_or_else(|_| Err("no response in time".into()));
                let mut outcome = outcome.borrow_mut();
                match response {
                    Ok(_) if path == SLOW_PATH => outcome.slow += 1,
                    Ok(body) => {
                        let runtime = body["runtime"].as_str().unwrap_or("none").to_owned();
                        *outcome.succeeded.entry(runtime).or_default() += 1;
                    }
                    Err(error) => *outcome.failed.entry(format!("{error:?}")).or_default() += 1,
                }
            }));
        }
        for request in requests {
            request.await.expect("the request does not panic");
        }
    });
    outcome.take()
}

/// Sends a request, and returns the body. With `kept` it reuses a connection and keeps it; otherwise it opens one and closes it.
async fn send(
    address: SocketAddr,
    path: &str,
    kept: Option<Rc<RefCell<Vec<Sender>>>>,
) -> Result<serde_json::Value, Box<dyn Error>> {
    // A connection that the server has closed is dropped.
    let idle = || {
        let mut kept = kept.as_ref()?.borrow_mut();
        kept.retain(|sender| !sender.is_closed());
        kept.pop()
    };
    let mut sender = match idle() {
        Some(sender) => sender,
        None => connect(address).await?,
    };
    let request = Request::get(path).header(header::HOST, "hello.test");
    let request = if kept.is_some() { request } else { request.header(header::CONNECTION, "close") };
    let response = sender.send_request(request.body(Empty::new())?).await?;
    let status = response.status();
    let closes = response.headers().get(header::CONNECTION).is_some_and(|value| value == "close");
    let body = response.into_body().collect().await?.to_bytes();
    if status != 200 {
        return Err(format!("status {status}").into());
    }
    if let Some(kept) = kept.filter(|_| !closes) {
        kept.borrow_mut().push(sender);
    }
    Ok(serde_json::from_slice(&body)?)
}

async fn connect(address: SocketAddr) -> Result<Sender, Box<dyn Error>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    spawn_local(connection);
    Ok(sender)
}
