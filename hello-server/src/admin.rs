//! The admin port: probes, metrics and the level of the log, on a thread and a runtime of their own, so that they answer however busy the service is.

use std::{
    convert::Infallible,
    net::TcpListener,
    sync::{Arc, LazyLock},
    thread,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};

use crate::{
    accept::PAUSE_AFTER_ERROR,
    config::log_filter,
    log,
    metrics::{self, METRICS},
    problem::problem,
    readiness::Readiness,
};

/// Probes and scrapers are few; whoever opens more connections waits.
const MAX_CONNECTIONS: usize = 1024;

/// Probes and scrapers ask at once; a connection that idles for longer, or a filter that takes longer to come, must not keep others
/// out.
const PATIENCE: Duration = Duration::from_secs(5);

/// Filters for the log that may be awaited at once; one after another is enough.
static FILTER_PERMIT: Semaphore = Semaphore::const_new(1);

/// A filter for the log is some words.
const MAX_FILTER_BYTES: usize = 4096;

/// Serves the admin port until the process ends.
pub(crate) fn spawn(listener: TcpListener, readiness: Arc<Readiness>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let serve = move || {
        // Here, while the handler is built elsewhere.
        LazyLock::force(&METRICS);
        runtime.block_on(serve(listener, readiness));
    };
    thread::Builder::new().name("admin".into()).spawn(serve)?;
    Ok(())
}

async fn serve(listener: TcpListener, readiness: Arc<Readiness>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a bound, non-blocking listener");
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
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
                async move { Ok::<_, Infallible>(answer(request, &readiness).await) }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
            // A scraper that goes away in mid-answer is its own business.
            _ = http.serve_connection(TokioIo::new(stream), service).await;
            drop(place);
        });
    }
}

async fn answer(request: Request<Incoming>, readiness: &Readiness) -> Response<Full<Bytes>> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let posts = request.method() == Method::POST;
    let puts = request.method() == Method::PUT;
    match request.uri().path() {
        "/livez" if reads => text(StatusCode::OK, "alive"),
        "/readyz" if reads => match readiness.check() {
            Ok(()) => text(StatusCode::OK, "ready"),
            Err(reason) => text(StatusCode::SERVICE_UNAVAILABLE, reason),
        },
        "/log" if reads => text(StatusCode::OK, &log::filter()),
        "/log" if puts => set_log(request.into_body()).await,
        "/readyz/disable" if posts => switch(readiness, true),
        "/readyz/enable" if posts => switch(readiness, false),
        "/metrics" if reads => metrics::exposition(),
        "/livez" | "/readyz" | "/metrics" => not_allowed("GET, HEAD"),
        "/readyz/disable" | "/readyz/enable" => not_allowed("POST"),
        "/log" => not_allowed("GET, HEAD, PUT"),
        _ => problem(
            StatusCode::NOT_FOUND,
            "here are /livez, /readyz, /readyz/disable, /readyz/enable, /log and /metrics",
        ),
    }
}

fn switch(readiness: &Readiness, disabled: bool) -> Response<Full<Bytes>> {
    readiness.set_disabled(disabled);
    tracing::info!(disabled, "readiness switched");
    text(StatusCode::OK, if disabled { "disabled" } else { "enabled" })
}

/// Takes another filter for the log, until the process ends.
async fn set_log(body: Incoming) -> Response<Full<Bytes>> {
    // Else bodies that never come could hold all connections, and probes would fail.
    let Ok(_permit) = FILTER_PERMIT.try_acquire() else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "another filter is being set; try again in a moment");
    };
    let Ok(Ok(body)) = timeout(PATIENCE, Limited::new(body, MAX_FILTER_BYTES).collect()).await else {
        return problem(StatusCode::BAD_REQUEST, "the filter did not arrive, or is too long");
    };
    match log_filter(String::from_utf8_lossy(&body.to_bytes()).trim()) {
        Ok(filter) => {
            log::set_filter(filter);
            let filter = log::filter();
            tracing::info!(filter, "log switched");
            text(StatusCode::OK, &filter)
        }
        Err(expected) => problem(StatusCode::BAD_REQUEST, &expected),
    }
}

fn text(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("{body}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn not_allowed(allow: &'static str) -> Response<Full<Bytes>> {
    let mut response = problem(StatusCode::METHOD_NOT_ALLOWED, "the methods named in Allow are taken here");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}
