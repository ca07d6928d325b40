//! Routes of the admin port.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    config::log_filter,
    readiness::Readiness,
    request::{problem, requests_in_flight},
    telemetry::{METRICS, log_filter as current_filter, set_log_filter},
};

/// Timeout of an idle connection, and of a request's body. Probes and scrapers send their requests at once; others must not hold their
/// connections.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);

/// Limit on log filters that are received at the same time; one after another is enough.
static FILTER_PERMIT: Semaphore = Semaphore::const_new(1);

/// Limit on the length of a log filter, which is some words.
const MAX_FILTER_BYTES: usize = 4096;

pub(super) async fn respond(request: Request<Incoming>, readiness: &Readiness) -> Response<Full<Bytes>> {
    let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_post = request.method() == Method::POST;
    let is_put = request.method() == Method::PUT;
    match request.uri().path() {
        "/livez" if is_get => text(StatusCode::OK, "alive"),
        "/readyz" if is_get => match readiness.check() {
            Ok(()) => text(StatusCode::OK, "ready"),
            Err(reason) => text(StatusCode::SERVICE_UNAVAILABLE, reason),
        },
        "/log" if is_get => text(StatusCode::OK, &current_filter()),
        "/log" if is_put => set_filter(request.into_body()).await,
        "/readyz/disable" if is_post => set_disabled(readiness, true),
        "/readyz/enable" if is_post => set_disabled(readiness, false),
        "/metrics" if is_get => metrics(),
        "/livez" | "/readyz" | "/metrics" => method_not_allowed("GET, HEAD"),
        "/readyz/disable" | "/readyz/enable" => method_not_allowed("POST"),
        "/log" => method_not_allowed("GET, HEAD, PUT"),
        _ => problem(
            StatusCode::NOT_FOUND,
            "the admin port has /livez, /readyz, /readyz/disable, /readyz/enable, /log and /metrics",
        ),
    }
}

fn set_disabled(readiness: &Readiness, is_disabled: bool) -> Response<Full<Bytes>> {
    readiness.set_disabled(is_disabled);
    tracing::info!(disabled = is_disabled, "readiness changed");
    text(StatusCode::OK, if is_disabled { "disabled" } else { "enabled" })
}

/// Replaces the log filter, until the process ends.
async fn set_filter(body: Incoming) -> Response<Full<Bytes>> {
    // Without the permit, requests whose bodies never arrive could hold all connections, and probes would fail.
    let Ok(_permit) = FILTER_PERMIT.try_acquire() else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "another filter is being set; try again in a moment");
    };
    let Ok(Ok(body)) = timeout(TIMEOUT, Limited::new(body, MAX_FILTER_BYTES).collect()).await else {
        return problem(StatusCode::BAD_REQUEST, "the filter did not arrive, or is too long");
    };
    match log_filter(String::from_utf8_lossy(&body.to_bytes()).trim()) {
        Ok(filter) => {
            set_log_filter(filter);
            let filter = current_filter();
            tracing::info!(filter, "log filter changed");
            text(StatusCode::OK, &filter)
        }
        Err(expected) => problem(StatusCode::BAD_REQUEST, &expected),
    }
}

/// Returns the metrics in the text format of Prometheus.
fn metrics() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(METRICS.exposition(requests_in_flight())));
    let format = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, format);
    response
}

fn text(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("{body}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn method_not_allowed(allow: &'static str) -> Response<Full<Bytes>> {
    let mut response = problem(StatusCode::METHOD_NOT_ALLOWED, "the header Allow lists the methods of this path");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}
