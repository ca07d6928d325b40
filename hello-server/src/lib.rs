//! Everything around a handler: listeners, limits, time-outs, probes, metrics, logs, traces and the drain.
//!
//! A program parses its settings with [`parse`], says what it is in [`About`], and calls [`run`] with a future that builds its
//! [`Handler`]. What happens to a request then is told in `request`, the way there in `accept`.

mod accept;
mod access;
mod admin;
mod allowed_host;
mod body;
mod coalesced;
mod config;
mod connection_memory;
mod host_check;
mod lines;
mod listen;
mod log;
#[cfg(all(test, target_arch = "x86_64"))]
mod memory;
mod metrics;
mod pieces;
mod problem;
mod progress;
mod readiness;
mod request;
mod semantics;
mod signals;
mod trace;
mod workers;

use std::{
    convert::Infallible,
    env,
    fmt::Display,
    io,
    net::{SocketAddr, TcpListener},
    process::ExitCode,
    sync::Arc,
};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use tokio::sync::{Semaphore, watch};

pub use allowed_host::AllowedHost;
pub use body::{RequestBody, RequestBodyError};
pub use config::{Config, LogFormat, color, count, parse, size, timeout};
pub use connection_memory::container_memory;
/// The allocator of the programs; that of musl is slower.
pub use mimalloc::MiMalloc as Allocator;
pub use problem::problem;
pub use request::{late, shed};
pub use semantics::may_have_content;
pub use trace::{ChildSpan, HELP as TRACES_HELP, TRACEPARENT};
pub use workers::Threads;

use metrics::METRICS;
use readiness::Readiness;
use request::Pipeline;
use signals::Signals;
use trace::Tracer;
use workers::Workers;

/// What answers requests: a `tower` service that is always ready, does not fail, and is cheap to clone.
pub trait Handler<B>:
    tower_service::Service<Request<RequestBody>, Response = Response<B>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<B, S> Handler<B> for S where
    S: tower_service::Service<Request<RequestBody>, Response = Response<B>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// What a program says of itself.
pub struct About {
    /// The program's name, as in its error lines.
    pub program: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The commit it was built from, or `unknown`.
    pub commit: &'static str,
    /// How its threads share its connections.
    pub threads: Threads,
    /// Environment variables that other programs of this project have as settings, and this one ignores.
    pub settings_of_others: &'static [&'static str],
}

/// What a server serves.
pub struct Service<S> {
    /// What answers the requests.
    pub handler: S,
    /// `native`, `wasi-0.2` or `wasi-0.3`.
    pub runtime: &'static str,
    /// The file of the component, for a host.
    pub component: Option<String>,
    /// Ends when the handler has nothing left to do for requests that have ended; the drain waits for it.
    pub finished: BoxFuture<'static, ()>,
}

/// The Cargo profile of this build: `release`, or `quick`, which is for trying out and not for measuring. Set by scripts/build.sh.
pub const PROFILE: &str = match option_env!("HELLO_PROFILE") {
    Some(profile) => profile,
    None => "unknown",
};

/// Runs a server to its end: binds both ports, builds the handler, turns ready, serves until SIGTERM or SIGINT, drains.
///
/// The code is 0 after a full drain, and 1 where it could not start (one line on standard error says why), where the drain had to
/// cut requests off, or after a second signal.
pub fn run<B, S, E>(config: Config, about: &About, build: impl Future<Output = Result<Service<S>, E>>) -> ExitCode
where
    S: Handler<B>,
    B: hyper::body::Body<Data = bytes::Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static,
    E: Display,
{
    let fail = |reason: String| {
        lines::flush();
        eprintln!("{}: {reason}", about.program);
        ExitCode::FAILURE
    };
    if let Err(error) = log::start(&config) {
        return fail(format!("cannot start a thread for the log: {error}"));
    }
    for variable in about.settings_of_others.iter().filter(|name| env::var_os(name).is_some()) {
        tracing::debug!(variable, "a setting of another program has no effect here");
    }
    let (listener, admin_listener) =
        match (listen::bind(config.listen, "--listen"), listen::bind(config.admin_listen, "--admin-listen")) {
            (Ok(listener), Ok(admin_listener)) => (listener, admin_listener),
            (Err(reason), _) | (_, Err(reason)) => return fail(reason),
        };
    let (workers, runtime) = match Workers::start(about.threads) {
        Ok(started) => started,
        Err(error) => return fail(format!("cannot start threads: {error}")),
    };
    let readiness = Arc::new(Readiness::default());
    let outcome = runtime.block_on(async {
        let mut signals = Signals::new().map_err(|error| format!("cannot listen for signals: {error}"))?;
        let addresses = addresses(&listener, &admin_listener)
            .map_err(|error| format!("cannot tell the bound addresses: {error}"))?;
        admin::spawn(admin_listener, readiness.clone())
            .map_err(|error| format!("cannot start the admin port: {error}"))?;
        tracing::debug!(listen = %addresses.0, admin = %addresses.1, workers = workers.count(), "starting");
        let Service { handler, runtime, component, finished } = tokio::select! {
            service = build => service.map_err(|error| error.to_string())?,
            _ = signals.next() => return Ok(true),
        };
        metrics::start(about, runtime, &config);
        let tracer = Tracer::start(about, runtime)?;
        // Until the process ends; to count who still has it would cost every request.
        let pipeline = Pipeline::new(handler, runtime, workers.threads, config, readiness.clone(), tracer);
        let pipeline = Box::leak(Box::new(pipeline));
        let drained = serve(pipeline, (component, finished), listener, addresses, workers, readiness, signals).await;
        if let Some(tracer) = &pipeline.tracer {
            tracer.finish().await;
        }
        Ok(drained)
    });
    runtime.shutdown_background();
    lines::flush();
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => fail(reason),
    }
}

/// Serves from readiness to the end of the drain, in the order that loses no request behind a load balancer:
/// readiness turns to 503, connections are still accepted for a while but asked to close, then no more are, then what is in
/// flight ends, and a deadline bounds it all. Gives whether everything ended by itself.
async fn serve<B, S>(
    pipeline: &'static Pipeline<S>,
    (component, finished): (Option<String>, BoxFuture<'static, ()>),
    listener: TcpListener,
    (listen, admin): (SocketAddr, SocketAddr),
    workers: Workers,
    readiness: Arc<Readiness>,
    mut signals: Signals,
) -> bool
where
    S: Handler<B>,
    B: hyper::body::Body<Data = bytes::Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static,
{
    let Config { drain_delay, drain_timeout, max_connections, .. } = pipeline.config;
    let max_connections = max_connections.min(pipeline.memory.max_connections());
    let places = Arc::new(Semaphore::new(max_connections as usize));
    let (stop, stopped) = watch::channel(false);
    let listener = tokio::net::TcpListener::from_std(listener).expect("a bound, non-blocking listener");
    let accepting = tokio::spawn(accept::accept_loop(listener, workers, pipeline, places.clone(), stopped));
    readiness.start();
    tracing::info!(
        url = %format_args!("http://{listen}"),
        runtime = pipeline.runtime,
        component,
        admin = %format_args!("http://{admin}"),
        profile = PROFILE,
        "ready"
    );

    let signal = signals.next().await;
    readiness.drain();
    tracing::info!(signal, "draining");
    let drained = async {
        // Ctrl-C comes from a person, and no load balancer is to be waited for.
        if signal != signals::INTERRUPT {
            tokio::time::sleep(drain_delay).await;
        }
        stop.send_replace(true);
        _ = accepting.await;
        let all = async {
            _ = places.acquire_many(max_connections).await;
            finished.await;
        };
        tokio::time::timeout(drain_timeout, all).await.is_ok()
    };
    let drained = tokio::select! {
        drained = drained => drained,
        _ = signals.next() => false,
    };
    if drained {
        tracing::info!("drained");
    } else {
        tracing::warn!(connections = METRICS.connections.get(), "cut off what was in flight");
    }
    drained
}

fn addresses(listener: &TcpListener, admin: &TcpListener) -> io::Result<(SocketAddr, SocketAddr)> {
    Ok((listener.local_addr()?, admin.local_addr()?))
}
