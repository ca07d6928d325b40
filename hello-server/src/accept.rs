//! From a socket to requests: accepts connections up to the cap, serves each by its version of HTTP, and closes them on a drain.

use std::{
    io,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, TryFutureExt, future::BoxFuture, stream::FuturesUnordered};
use hyper::{
    body::Body,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulConnection,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::sleep,
};

use crate::{
    Config, Handler,
    coalesced::{Coalesced, MAX_HEADER_BYTES, Protocol},
    metrics::METRICS,
    pieces::Pieces,
    progress::{Patience, Progress},
    request::Pipeline,
    workers::Workers,
};

/// How long accepting rests after an error such as "too many open files", which more haste would not mend.
pub(crate) const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// Requests at once on one HTTP/2 connection.
const MAX_HTTP2_STREAMS: u32 = 128;

/// Bytes of bodies that a client may send before they are read: over one stream of HTTP/2, and over all of a connection. The protocol's
/// default of 64 KiB serves 300 MB per second at a round trip of 0.2 ms, and 1.3 MB at 50 ms.
const HTTP2_STREAM_WINDOW: u32 = 64 * 1024;
const HTTP2_CONNECTION_WINDOW: u32 = 128 * 1024;

/// Bytes of a response that a stream of HTTP/2 takes from the handler before its client makes room for them.
const HTTP2_SEND_BUFFER: usize = 64 * 1024;

/// Bytes that a connection of HTTP/2 may hold beyond what every connection holds: bodies of requests, and those of six responses. It may
/// hold more responses, all of which count as requests in flight.
const HTTP2_MEMORY: u64 = HTTP2_CONNECTION_WINDOW as u64 + 6 * HTTP2_SEND_BUFFER as u64;

/// Accepts connections for the workers until told to stop. Each holds one of the `places`: when all are back, every connection has
/// ended.
pub(crate) async fn accept_loop<S, B>(
    listener: TcpListener,
    workers: Workers,
    pipeline: &'static Pipeline<S>,
    places: Arc<Semaphore>,
    mut stop: watch::Receiver<bool>,
) where
    S: Handler<B>,
    B: Body<Data = bytes::Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + Unpin + 'static,
{
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
            (place, accept(&listener).await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = stopped(&mut stop) => return,
        };
        match accepted {
            Ok(stream) => {
                // On the heap at once: every task around it would keep room for it twice.
                let connection = Box::pin(connection(stream, workers.clone(), pipeline, stop.clone()));
                let held = Held::new(place);
                workers.spawn(async move {
                    connection.await;
                    drop(held);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
}

/// What a connection takes, to its end, panic or not.
struct Held {
    _place: OwnedSemaphorePermit,
}

impl Held {
    fn new(place: OwnedSemaphorePermit) -> Self {
        METRICS.connections.inc();
        Held { _place: place }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        METRICS.connections.dec();
    }
}

/// A connection that belongs to no runtime yet.
async fn accept(listener: &TcpListener) -> io::Result<std::net::TcpStream> {
    listener.accept().await?.0.into_std()
}

/// Serves one connection to its end. Errors on it are the client's to notice, and `debug` to us.
async fn connection<S, B>(
    stream: std::net::TcpStream,
    workers: Workers,
    pipeline: &'static Pipeline<S>,
    mut stop: watch::Receiver<bool>,
) where
    S: Handler<B>,
    B: Body<Data = bytes::Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + Unpin + 'static,
{
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    // Small answers must not wait for the acknowledgement of earlier ones.
    _ = stream.set_nodelay(true);
    let Config { header_timeout, idle_timeout, request_timeout, .. } = pipeline.config;
    let progress = Arc::new(Progress::new());
    // On the heap, because this future would reserve room for it twice: before and after it moves into hyper.
    let mut stream = Box::new(Coalesced::new(stream, progress.clone(), &pipeline.memory));
    let patience = Patience { headers: header_timeout, idle: idle_timeout, answer: request_timeout };
    let watched = progress.clone();
    let mut interruptions = FuturesUnordered::from_iter([
        async move {
            stopped(&mut stop).await;
            Interruption::Stop
        }
        .boxed(),
        async move {
            watched.stalled(patience).await;
            Interruption::Stalled
        }
        .boxed(),
    ]);
    let protocol = tokio::select! {
        // What has arrived before the stop is served.
        biased;
        protocol = stream.protocol() => protocol,
        _ = interruptions.next() => return,
    };
    let Ok(protocol) = protocol else { return };
    let mut reserved = None;
    if protocol == Protocol::Http2 {
        reserved = pipeline.memory.reserve(HTTP2_MEMORY);
        if reserved.is_none() {
            METRICS.out_of_memory.inc();
            tracing::debug!("connection closed: there is no memory for another of HTTP/2");
            return;
        }
        progress.set_http2();
    }

    let idle = progress.clone();
    let io = TokioIo::new(stream);
    let answer = move |request| pipeline.answer(request, progress.clone());
    let outcome = match protocol {
        Protocol::Http1 => {
            let mut http = http1::Builder::new();
            http.half_close(true).header_read_timeout(None).max_buf_size(MAX_HEADER_BYTES as usize);
            serve(pin!(http.serve_connection(io, service_fn(answer))), interruptions).await
        }
        Protocol::Http2 => {
            if let Some(age) = pipeline.config.connection_age() {
                interruptions.push(sleep(age).map(|()| Interruption::Stop).boxed());
            }
            let idle = async move {
                idle.idle(idle_timeout).await;
                Interruption::Stop
            };
            interruptions.push(idle.boxed());
            // It may be dead while answers are on their way, too.
            let mut http = http2::Builder::new(workers);
            http.timer(TokioTimer::new())
                .keep_alive_interval(header_timeout)
                .max_concurrent_streams(MAX_HTTP2_STREAMS)
                .initial_stream_window_size(HTTP2_STREAM_WINDOW)
                .initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
                .max_send_buf_size(HTTP2_SEND_BUFFER)
                .max_header_list_size(MAX_HEADER_BYTES);
            let in_pieces = service_fn(move |request| answer(request).map_ok(|answer| answer.map(Pieces::new)));
            serve(pin!(http.serve_connection(io, in_pieces)), interruptions).await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "connection ended early");
    }
    drop(reserved);
}

/// What may come between a connection and its client.
enum Interruption {
    /// What is in flight is the last.
    Stop,
    Stalled,
}

/// Serves until either side has had enough. Of the interruptions only those are polled that have woken the task: it is woken twice for
/// every request, and they almost never have anything to say. The caller pins the connection: one that moved into
/// this future would take its room twice.
async fn serve<C: GracefulConnection>(
    mut connection: Pin<&mut C>,
    mut interruptions: FuturesUnordered<BoxFuture<'static, Interruption>>,
) -> Result<(), C::Error> {
    loop {
        tokio::select! {
            biased;
            outcome = connection.as_mut() => return outcome,
            Some(interruption) = interruptions.next() => match interruption {
                Interruption::Stop => connection.as_mut().graceful_shutdown(),
                Interruption::Stalled => {
                    tracing::debug!("connection cut off: it did not get on");
                    return Ok(());
                }
            },
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    _ = stop.wait_for(|stop| *stop).await;
}
