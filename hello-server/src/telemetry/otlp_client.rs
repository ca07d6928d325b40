//! HTTP client that sends batches of spans to the collector.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, header::HOST};
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::{net::TcpStream, runtime::Handle, time::timeout};

use crate::config::first_variable;

/// Limit on the body of the collector's response in bytes; a longer one is an error.
const MAX_RESPONSE_BYTES: usize = 64 << 10;

/// OpenTelemetry's default for `OTEL_EXPORTER_OTLP_TIMEOUT`.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends each batch over a connection of its own: there is one batch in five seconds.
#[derive(Debug)]
pub(super) struct OtlpClient {
    runtime: Handle,
    /// Whether the last export failed. Only changes are logged: a collector may be unavailable for hours.
    is_failing: AtomicBool,
}

impl OtlpClient {
    pub(super) fn new(runtime: Handle) -> Self {
        OtlpClient { runtime, is_failing: AtomicBool::new(false) }
    }
}

#[async_trait::async_trait]
impl HttpClient for OtlpClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let endpoint = request.uri().clone();
        let milliseconds = first_variable(["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"]);
        let max_time =
            milliseconds.and_then(|(_, text)| text.parse().ok()).map_or(DEFAULT_TIMEOUT, Duration::from_millis);
        // Spawned, because OpenTelemetry calls this on a thread without a runtime.
        let sent = self.runtime.spawn(async move { timeout(max_time, send(request)).await? }).await?;
        let failure = match &sent {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(response.status().to_string()),
            Err(error) => Some(error.to_string()),
        };
        match (failure, self.is_failing.load(Relaxed)) {
            (Some(reason), false) => {
                tracing::warn!(%endpoint, reason, "trace export failing, spans are dropped");
            }
            (None, true) => tracing::info!(%endpoint, "trace export works again"),
            _ => return sent,
        }
        self.is_failing.fetch_not(Relaxed);
        sent
    }
}

async fn send(mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let authority = request.uri().authority().ok_or("the endpoint names no host")?.clone();
    // A URI has an IPv6 address in brackets, which `connect` does not accept.
    let host = authority.host().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    *request.uri_mut() = request.uri().path().parse()?;
    request.headers_mut().insert(HOST, authority.as_str().parse()?);
    let (head, body) = sender.send_request(request.map(Full::new)).await?.into_parts();
    let body = Limited::new(body, MAX_RESPONSE_BYTES).collect().await.map(Collected::to_bytes);
    connection.abort();
    Ok(Response::from_parts(head, body?))
}
