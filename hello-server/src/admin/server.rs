//! The server of the admin port. It has a thread and a runtime of its own, so that it responds however busy the service is.

use std::{
    convert::Infallible,
    io,
    net::TcpListener,
    sync::{Arc, LazyLock},
    thread,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{runtime::Builder, sync::Semaphore, time::sleep};

use super::routes::{TIMEOUT, respond};
use crate::{connection::PAUSE_AFTER_ERROR, readiness::Readiness, telemetry::METRICS};

/// Limit on connections; there are few probes and scrapers. More wait to be accepted.
const MAX_CONNECTIONS: usize = 1024;

/// Starts serving the admin port, until the process ends.
pub(crate) fn spawn(listener: TcpListener, readiness: Arc<Readiness>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let serve = move || {
        // Registered on this thread, while another creates the handler.
        LazyLock::force(&METRICS);
        runtime.block_on(serve(listener, readiness));
    };
    thread::Builder::new().name("admin".into()).spawn(serve)?;
    Ok(())
}

async fn serve(listener: TcpListener, readiness: Arc<Readiness>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a bound, non-blocking listener");
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let permit = permits.clone().acquire_owned().await.expect("the semaphore is never closed");
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection to the admin port");
                sleep(PAUSE_AFTER_ERROR).await;
                continue;
            }
        };
        let readiness = readiness.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let readiness = readiness.clone();
                async move { Ok::<_, Infallible>(respond(request, &readiness).await) }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(TIMEOUT);
            // An error on the connection is not reported: the scraper notices it.
            _ = http.serve_connection(TokioIo::new(stream), service).await;
            drop(permit);
        });
    }
}
