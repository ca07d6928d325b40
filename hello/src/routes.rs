//! One function per route. `openapi.json` is their contract.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, Request, State, rejection::PathRejection},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode, Uri,
        header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VARY},
        request::Parts,
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{
    build_info::{COMMIT, VERSION},
    negotiation::prefers_html,
    page,
    platform::Platform,
    problem::problem,
};

/// State of the router.
pub(crate) type Hello = Arc<App>;

/// State that all routes share.
pub(crate) struct App {
    platform: Box<dyn Platform>,
    /// The most frequent response body, created at its first use.
    greeting: OnceLock<Bytes>,
}

impl App {
    pub(crate) fn new(platform: impl Platform) -> Self {
        App { platform: Box::new(platform), greeting: OnceLock::new() }
    }

    fn greeting(&self) -> Bytes {
        let greeting = self.greeting.get_or_init(|| {
            let platform = &*self.platform;
            let greeting = Greeting { message: &platform.greeting(), runtime: platform.runtime(), version: VERSION };
            serde_json::to_vec(&greeting).expect("strings can be written as JSON").into()
        });
        greeting.clone()
    }
}

/// Headers of the connection, not of the request. HTTP/2 and WASI hosts do not pass them on, so that no runtime shows them.
static CONNECTION_HEADERS: [HeaderName; 7] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

#[derive(Serialize)]
struct Greeting<'a> {
    message: &'a str,
    runtime: &'a str,
    version: &'a str,
}

#[derive(Serialize)]
struct Info<'a> {
    message: &'a str,
    runtime: &'a str,
    version: &'a str,
    commit: &'a str,
    target: &'a str,
    wasi_host: Option<String>,
    hostname: Option<String>,
}

#[derive(Serialize)]
struct Status {
    status: u16,
}

#[derive(Serialize)]
struct Delay {
    delay: f64,
}

pub(crate) async fn home(State(app): State<Hello>, request: Request) -> Response {
    let mut response = if prefers_html(request.headers()) {
        page::response(&*app.platform)
    } else {
        let mut response = Response::new(Body::from(app.greeting()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    };
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    response
}

pub(crate) async fn info(State(app): State<Hello>) -> Response {
    let platform = &*app.platform;
    Json(Info {
        message: &platform.greeting(),
        runtime: platform.runtime(),
        version: VERSION,
        commit: COMMIT,
        target: target(),
        wasi_host: platform.wasi_host(),
        hostname: platform.hostname(),
    })
    .into_response()
}

/// Returns the target of the compiler, in the words of `std::env::consts`.
fn target() -> &'static str {
    if cfg!(target_family = "wasm") {
        "wasm32-wasip2"
    } else if cfg!(target_arch = "aarch64") {
        "aarch64-linux"
    } else {
        "x86_64-linux"
    }
}

pub(crate) async fn healthz() -> Json<BTreeMap<&'static str, &'static str>> {
    Json(BTreeMap::from([("status", "ok")]))
}

/// Streams: the response starts before the request's body has ended. It has the same `Content-Length`, so that the client can tell an
/// incomplete response from a complete one.
pub(crate) async fn echo(request: Request) -> Response {
    let (Parts { headers, .. }, body) = request.into_parts();
    let content_type =
        headers.get(CONTENT_TYPE).cloned().unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let mut response = ([(CONTENT_TYPE, content_type)], body).into_response();
    if let Some(length) = headers.get(CONTENT_LENGTH) {
        response.headers_mut().insert(CONTENT_LENGTH, length.clone());
    }
    response
}

/// The request's headers, each with all its values. The authority is shown as `host`, whether it was a header (HTTP/1), a pseudo-header
/// (HTTP/2), or separate from the headers (WASI).
pub(crate) async fn headers(uri: Uri, headers: HeaderMap) -> Json<BTreeMap<String, Vec<String>>> {
    let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| !CONNECTION_HEADERS.contains(name)) {
        shown.entry(name.to_string()).or_default().push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    if let Some(authority) = uri.authority() {
        shown.insert(HOST.to_string(), vec![authority.to_string()]);
    }
    Json(shown)
}

pub(crate) async fn status(code: Result<Path<String>, PathRejection>) -> Response {
    let Some(status) = code.ok().and_then(|Path(code)| final_status(&code)) else {
        return problem(StatusCode::BAD_REQUEST, "the status must be a whole number from 200 to 599");
    };
    match status {
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED => status.into_response(),
        status if status.is_client_error() || status.is_server_error() => problem(status, "as requested"),
        status => (status, Json(Status { status: status.as_u16() })).into_response(),
    }
}

fn final_status(code: &str) -> Option<StatusCode> {
    let code = Some(code).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()?;
    Some(code).filter(|code| (200..=599).contains(code)).and_then(|code| StatusCode::from_u16(code).ok())
}

pub(crate) async fn delay(State(app): State<Hello>, seconds: Result<Path<String>, PathRejection>) -> Response {
    let Some(seconds) = seconds.ok().and_then(|Path(seconds)| delay_seconds(&seconds)) else {
        return problem(
            StatusCode::BAD_REQUEST,
            "the delay must be a decimal number of seconds from 0 to 10, such as 0.25",
        );
    };
    app.platform.sleep(Duration::from_secs_f64(seconds)).await;
    Json(Delay { delay: seconds }).into_response()
}

/// Parses a plain decimal number; `f64` would also accept `inf`, `NaN` and `1e1`.
fn delay_seconds(seconds: &str) -> Option<f64> {
    let seconds =
        Some(seconds).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))?.parse().ok()?;
    Some(seconds).filter(|seconds| (0.0..=10.0).contains(seconds))
}

pub(crate) async fn openapi() -> impl IntoResponse {
    const DOCUMENT: &str = include_str!("openapi.json");
    ([(CONTENT_TYPE, "application/json")], DOCUMENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_whole_numbers_from_200_to_599() {
        assert_eq!(final_status("200"), Some(StatusCode::OK));
        assert_eq!(final_status("599").map(|status| status.as_u16()), Some(599));
        for refused in ["199", "600", "100", "+200", "2e2", "", "99999999999", "200.0", "zwei"] {
            assert_eq!(final_status(refused), None, "{refused}");
        }
    }

    #[test]
    fn delays_are_decimals_from_0_to_10() {
        assert_eq!(delay_seconds("0"), Some(0.0));
        assert_eq!(delay_seconds("0.25"), Some(0.25));
        assert_eq!(delay_seconds("10"), Some(10.0));
        for refused in ["10.01", "-1", "inf", "NaN", "1e1", "", ".", "1.2.3", "99999999999999999999999999"] {
            assert_eq!(delay_seconds(refused), None, "{refused}");
        }
    }

    #[test]
    fn openapi_names_this_version() {
        let document: serde_json::Value = serde_json::from_str(include_str!("openapi.json")).unwrap();
        assert_eq!(document["info"]["version"], VERSION);
    }
}
