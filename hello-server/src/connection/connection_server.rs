//! One connection, from its first byte to its end: HTTP/1 or HTTP/2, its timeouts, and its graceful shutdown.

use std::{
    pin::{Pin, pin},
    sync::Arc,
};

use futures_util::{FutureExt, StreamExt, TryFutureExt, future::BoxFuture, stream::FuturesUnordered};
use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulConnection,
};
use tokio::{net::TcpStream, sync::OwnedSemaphorePermit, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    limit::ConnectionGuard,
    memory::ConnectionMemory,
    protocol::Protocol,
    stream::{CoalescingStream, MAX_HEADER_BYTES},
    worker_pool::Workers,
};
use crate::{
    config::Config,
    request::{ConnectionActivity, Handler, Http2Body, Pipeline, StallTimeouts},
    telemetry::METRICS,
};

/// Limit on concurrent requests of one HTTP/2 connection.
const MAX_HTTP2_STREAMS: u32 = 128;

/// Bytes of bodies that a client may send before they are read: on one HTTP/2 stream, and on all of a connection. The protocol's default
/// of 64 KiB allows 300 MB per second at a round trip of 0.2 ms, and 1.3 MB per second at 50 ms.
const HTTP2_STREAM_WINDOW: u32 = 64 * 1024;
const HTTP2_CONNECTION_WINDOW: u32 = 128 * 1024;

/// Bytes of a response that an HTTP/2 stream reads from the handler before its client has read them.
const HTTP2_SEND_BUFFER: usize = 64 * 1024;

/// Bytes that an HTTP/2 connection may hold beyond those of every connection: bodies of requests, and those of six responses. It may hold
/// more responses, all of which count as requests in flight.
const HTTP2_MEMORY: u64 = HTTP2_CONNECTION_WINDOW as u64 + 6 * HTTP2_SEND_BUFFER as u64;

/// Serves connections. Clones share everything.
#[derive(Clone)]
pub(crate) struct ConnectionServer<H: Handler> {
    shared: &'static Shared<H>,
    workers: Workers,
    shutdown: CancellationToken,
}

struct Shared<H> {
    pipeline: Pipeline<H>,
    memory: ConnectionMemory,
}

impl<H: Handler> ConnectionServer<H> {
    pub(crate) fn new(
        pipeline: Pipeline<H>,
        memory: ConnectionMemory,
        workers: Workers,
        shutdown: CancellationToken,
    ) -> Self {
        // Leaked on purpose: they live as long as the process, and each request would have to count references.
        ConnectionServer { shared: Box::leak(Box::new(Shared { pipeline, memory })), workers, shutdown }
    }

    pub(super) async fn is_shut_down(&self) {
        self.shutdown.cancelled().await;
    }

    /// Serves one connection on the worker that has the fewest.
    pub(super) fn spawn(&self, stream: std::net::TcpStream, permit: OwnedSemaphorePermit) {
        // Boxed here: wrapping futures would otherwise embed it.
        let connection = Box::pin(self.clone().serve(stream));
        let guard = ConnectionGuard::new(permit);
        self.workers.spawn(async move {
            connection.await;
            drop(guard);
        });
    }

    /// Serves one connection to its end. Errors of the connection are logged at `debug`: the client notices them.
    async fn serve(self, stream: std::net::TcpStream) {
        let ConnectionServer { shared: Shared { pipeline, memory }, workers, shutdown } = self;
        let Ok(stream) = TcpStream::from_std(stream) else { return };
        // Small responses must not wait for the acknowledgement of earlier ones.
        _ = stream.set_nodelay(true);
        let Config { header_timeout, idle_timeout, request_timeout, .. } = pipeline.config;
        let activity = Arc::new(ConnectionActivity::new());
        // Boxed, because this future would reserve space for it twice: before and after it moves into hyper.
        let mut stream = Box::new(CoalescingStream::new(stream, activity.clone(), memory));
        let timeouts = StallTimeouts { headers: header_timeout, idle: idle_timeout, response: request_timeout };
        let mut shutdowns = shutdowns(shutdown, activity.clone(), timeouts);
        let protocol = tokio::select! {
            // Bytes that arrived before the shutdown are served.
            biased;
            protocol = stream.detect_protocol() => protocol,
            _ = shutdowns.next() => return,
        };
        let result = match protocol {
            Err(_) => return,
            Ok(Protocol::Http1) => {
                let respond = move |request| pipeline.respond(request, activity.clone());
                let mut http = http1::Builder::new();
                http.half_close(true).header_read_timeout(None).max_buf_size(MAX_HEADER_BYTES as usize);
                drive(pin!(http.serve_connection(TokioIo::new(stream), service_fn(respond))), shutdowns).await
            }
            Ok(Protocol::Http2) => {
                let Some(_reservation) = memory.reserve(HTTP2_MEMORY) else {
                    METRICS.out_of_memory.inc();
                    tracing::debug!("connection closed: not enough connection memory for HTTP/2");
                    return;
                };
                activity.set_http2();
                if let Some(age) = pipeline.config.connection_age() {
                    shutdowns.push(sleep(age).map(|()| Shutdown::Graceful).boxed());
                }
                let idle = activity.clone();
                shutdowns.push(async move { idle.wait_idle(idle_timeout).map(|()| Shutdown::Graceful).await }.boxed());
                let respond = move |request| {
                    let response = pipeline.respond(request, activity.clone());
                    response.map_ok(|response| response.map(Http2Body::new))
                };
                // Pings find a connection that is dead while responses are being sent, too.
                let mut http = http2::Builder::new(workers);
                http.timer(TokioTimer::new())
                    .keep_alive_interval(header_timeout)
                    .max_concurrent_streams(MAX_HTTP2_STREAMS)
                    .initial_stream_window_size(HTTP2_STREAM_WINDOW)
                    .initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
                    .max_send_buf_size(HTTP2_SEND_BUFFER)
                    .max_header_list_size(MAX_HEADER_BYTES);
                drive(pin!(http.serve_connection(TokioIo::new(stream), service_fn(respond))), shutdowns).await
            }
        };
        if let Err(error) = result {
            tracing::debug!(%error, "connection ended early");
        }
    }
}

/// Why the server ends a connection.
enum Shutdown {
    /// The requests in flight are the last.
    Graceful,
    /// Nothing happened for too long.
    Stalled,
}

type Shutdowns = FuturesUnordered<BoxFuture<'static, Shutdown>>;

fn shutdowns(shutdown: CancellationToken, activity: Arc<ConnectionActivity>, timeouts: StallTimeouts) -> Shutdowns {
    let server = async move {
        shutdown.cancelled().await;
        Shutdown::Graceful
    };
    let stalled = async move {
        activity.wait_stalled(timeouts).await;
        Shutdown::Stalled
    };
    FuturesUnordered::from_iter([server.boxed(), stalled.boxed()])
}

/// Serves until the client or the server ends the connection. The task wakes up twice per request, and `FuturesUnordered` polls only the
/// futures that were woken. The connection is pinned outside: moved into this future, it would need its space twice.
async fn drive<C: GracefulConnection>(mut connection: Pin<&mut C>, mut shutdowns: Shutdowns) -> Result<(), C::Error> {
    loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => return result,
            Some(shutdown) = shutdowns.next() => match shutdown {
                Shutdown::Graceful => connection.as_mut().graceful_shutdown(),
                Shutdown::Stalled => {
                    tracing::debug!("connection closed: stalled");
                    return Ok(());
                }
            },
        }
    }
}
