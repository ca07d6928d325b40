//! The server's own responses, as `application/problem+json` (RFC 9457).

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::Full;
use serde_json::json;

use crate::telemetry::METRICS;

/// Returns a response with this status. `detail` tells the client what happened and what it can do.
pub fn problem(status: StatusCode, detail: &str) -> Response<Full<Bytes>> {
    let title = status.canonical_reason().unwrap_or("Unknown Status");
    let body = json!({ "title": title, "status": status.as_u16(), "detail": detail }).to_string();
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

/// Returns the response for a request whose handler has not responded by [`RequestBody::deadline`](crate::RequestBody::deadline).
#[must_use]
pub fn timed_out() -> Response<Full<Bytes>> {
    problem(StatusCode::GATEWAY_TIMEOUT, "the handler did not respond in time")
}

/// Returns the response for a request that is rejected because a limit is reached (load shedding): 503 with `Retry-After`. Counts it.
pub fn load_shedding(detail: &str) -> Response<Full<Bytes>> {
    METRICS.shed.inc();
    let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, detail);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

pub(super) fn too_large(max_bytes: u64) -> Response<Full<Bytes>> {
    problem(StatusCode::PAYLOAD_TOO_LARGE, &format!("the body is over the limit of {max_bytes} bytes"))
}

pub(super) fn too_many_headers(max: usize) -> Response<Full<Bytes>> {
    problem(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, &format!("the request has more than {max} header fields"))
}
