//! Errors as `application/problem+json` (RFC 9457): what a caller gets when a route cannot answer.

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

/// An answer with this status. `detail` says what happened and what would be accepted instead.
pub(crate) fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Unknown Status");
    let body = Json(Problem { title, status: status.as_u16(), detail });
    let mut response = (status, body).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

pub(crate) async fn not_found(uri: Uri) -> Response {
    problem(StatusCode::NOT_FOUND, &format!("there is nothing at {}; /openapi.json lists what there is", uri.path()))
}

/// axum adds the `Allow` header.
pub(crate) async fn method_not_allowed(uri: Uri) -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, &format!("{} takes only the methods named in Allow", uri.path()))
}
