//! Errors as `application/problem+json` (RFC 9457): the responses of the service itself.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, Uri, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::Serialize;

#[derive(Serialize)]
struct Problem<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
}

/// Returns a response with this status. `detail` tells the client what happened, and what is accepted instead.
pub(crate) fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Unknown Status");
    let body = Json(Problem { title, status: status.as_u16(), detail });
    let mut response = (status, body).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

pub(crate) async fn not_found(uri: Uri) -> Response {
    problem(StatusCode::NOT_FOUND, &format!("no such path: {}; /openapi.json lists all paths", uri.path()))
}

/// axum adds the `Allow` header.
pub(crate) async fn method_not_allowed(uri: Uri) -> Response {
    problem(
        StatusCode::METHOD_NOT_ALLOWED,
        &format!("{} does not support this method; the header Allow lists its methods", uri.path()),
    )
}
