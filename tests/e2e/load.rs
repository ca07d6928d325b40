//! Load from outside, at a constant rate whatever the answers do: half the requests over kept connections, half over new ones. A
//! request that fails is a failed request; nothing is tried again. One in forty takes two seconds to answer, so that some are always
//! in flight.

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
use tests::PATIENCE;
use tokio::{
    net::TcpStream,
    runtime::Builder,
    task::{LocalSet, spawn_local},
    time::{MissedTickBehavior, interval, timeout},
};

use crate::measures::measure;

/// Two hundred requests a second: a load that one small pod bears, and that hits every moment of a roll-out.
const PERIOD: Duration = Duration::from_millis(5);

/// So few that an autoscaler finds nothing to do.
const IDLE_PERIOD: Duration = Duration::from_millis(200);

/// Which requests are slow ones, and what they ask.
const SLOW_EVERY: usize = 40;
const SLOW: &str = "/delay/2";

type Sender = http1::SendRequest<Empty<Bytes>>;

/// What became of the requests.
#[derive(Default, Debug)]
pub(crate) struct Outcome {
    /// Answers with status 200, by runtime.
    pub(crate) answered: BTreeMap<String, u64>,
    /// Slow answers with status 200; they do not tell the runtime.
    slow: u64,
    /// Everything else, by what went wrong.
    pub(crate) failed: BTreeMap<String, u64>,
}

/// A load that is on.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Outcome>>,
}

/// Ends it where a case fails.
impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

impl Load {
    /// A load that keeps a pod busy.
    pub(crate) fn start(address: SocketAddr) -> Self {
        Self::every(PERIOD, true, address)
    }

    /// The same, but with a connection for every request, so that each pod gets its share.
    pub(crate) fn spread(address: SocketAddr) -> Self {
        Self::every(PERIOD, false, address)
    }

    /// A load that a pod does not feel.
    pub(crate) fn idle(address: SocketAddr) -> Self {
        Self::every(IDLE_PERIOD, true, address)
    }

    fn every(period: Duration, keeps: bool, address: SocketAddr) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let stopped = stop.clone();
        Load { stop, thread: Some(thread::spawn(move || run(address, period, keeps, &stopped))) }
    }

    /// Ends the load, and asserts that not one request failed.
    #[allow(clippy::must_use_candidate)]
    pub(crate) fn finish(self, during: &str) -> Outcome {
        let outcome = self.end(during);
        assert!(outcome.failed.is_empty(), "during {during}: {outcome:#?}");
        outcome
    }

    /// Ends the load, of which some may have failed.
    pub(crate) fn end(mut self, during: &str) -> Outcome {
        self.stop.store(true, Relaxed);
        let outcome = self.thread.take().expect("it is finished once").join().expect("the load");
        let answered = outcome.answered.values().sum::<u64>() + outcome.slow;
        let failed = outcome.failed.values().sum::<u64>();
        measure(format!("failed requests during {during}"), format!("{failed} of {}", answered + failed));
        assert!(answered > 0, "nothing was asked during {during}");
        outcome
    }
}

fn run(address: SocketAddr, period: Duration, keeps: bool, stop: &AtomicBool) -> Outcome {
    let outcome = Rc::<RefCell<Outcome>>::default();
    let kept = Rc::<RefCell<Vec<Sender>>>::default();
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, async {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut requests = Vec::new();
        while !stop.load(Relaxed) {
            ticks.tick().await;
            let kept = (keeps && requests.len() % 2 == 0).then(|| kept.clone());
            let path = if requests.len() % SLOW_EVERY == 1 { SLOW } else { "/" };
            let outcome = outcome.clone();
            requests.push(spawn_local(async move {
                let answer = ask(address, path, kept);
                let answer = timeout(PATIENCE, answer).await.unwrap_or_else(|_| Err("no answer".into()));
                let mut outcome = outcome.borrow_mut();
                match answer {
                    Ok(_) if path == SLOW => outcome.slow += 1,
                    Ok(answer) => {
                        let runtime = answer["runtime"].as_str().unwrap_or("none").to_owned();
                        *outcome.answered.entry(runtime).or_default() += 1;
                    }
                    Err(error) => *outcome.failed.entry(format!("{error:?}")).or_default() += 1,
                }
            }));
        }
        for request in requests {
            request.await.expect("no panic");
        }
    });
    outcome.take()
}

/// One request, over a kept connection where there is a place to keep it; gives what was answered.
async fn ask(
    address: SocketAddr,
    path: &str,
    kept: Option<Rc<RefCell<Vec<Sender>>>>,
) -> Result<serde_json::Value, Box<dyn Error>> {
    // A connection that the server has said it closes is none to send on.
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
