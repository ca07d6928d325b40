//! The span of a request, and what a handler adds to it, for a collector that takes OTLP; nothing where no endpoint is set.
//!
//! A span begins with the headers, which then name it to the handler (`traceparent`), and ends with the answer. A thread of its own
//! sends ended spans in batches. While no collector takes them they are dropped, and no request waits for that.

use std::{
    env, fmt,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header::USER_AGENT,
    uri::Scheme,
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use opentelemetry::{
    Context, KeyValue,
    propagation::TextMapPropagator,
    trace::{Span as _, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer as _, TracerProvider},
};
use opentelemetry_http::{HeaderExtractor, HeaderInjector, HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    resource::EnvResourceDetector,
    trace::{SdkTracer, SdkTracerProvider},
};
use tokio::{net::TcpStream, runtime::Handle, task::spawn_blocking, time::timeout};

use crate::About;

/// The header of W3C Trace Context that names the span which a request is a part of.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What `--help` says of the variables that [`Tracer::start`] reads.
pub const HELP: &str = "\
Traces:
  A span for each request goes to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names, such as http://collector:4318.
  OTEL_TRACES_SAMPLER=parentbased_traceidratio with OTEL_TRACES_SAMPLER_ARG=0.01 picks every hundredth request that has
  no caller who has decided already; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say what serves.";

/// Bytes of a collector's answer that are read; a longer one counts as none.
const MAX_COLLECTOR_ANSWER: usize = 64 << 10;

/// How long the end of the process waits for the last spans.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// Begins spans.
pub(crate) struct Tracer {
    provider: SdkTracerProvider,
    spans: SdkTracer,
}

impl Tracer {
    /// By the `OTEL_` variables that OpenTelemetry defines; none unless they name an endpoint. They have been checked.
    ///
    /// # Errors
    /// One line: what keeps traces from being exported.
    pub(crate) fn start(about: &About, runtime: &'static str) -> Result<Option<Self>, String> {
        if endpoint().is_none() {
            return Ok(None);
        }
        let client = Client { runtime: Handle::current(), is_failing: AtomicBool::new(false) };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .build()
            .map_err(|error| format!("cannot export traces: {error}"))?;
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.name", "hello"),
                KeyValue::new("service.version", about.version),
                KeyValue::new("process.runtime.name", runtime),
            ])
            .with_detector(Box::new(EnvResourceDetector::new()))
            .with_attributes(set("OTEL_SERVICE_NAME").map(|name| KeyValue::new("service.name", name)))
            .build();
        let provider = SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build();
        let spans = provider.tracer(about.program);
        Ok(Some(Tracer { provider, spans }))
    }

    /// Begins the span of a request, as a part of the trace that its caller names, and names it to the handler. None where the request
    /// is not sampled: then what the caller says of its trace goes on to the handler as it came.
    pub(crate) fn begin<B>(&self, request: &mut Request<B>) -> Option<ServerSpan> {
        let mut parent = Context::new();
        if request.headers().contains_key(TRACEPARENT) {
            parent = TraceContextPropagator::new().extract_with_context(&parent, &HeaderExtractor(request.headers()));
        }
        let method = known_method(request.method());
        let builder = SpanBuilder::from_name(method.unwrap_or("HTTP")).with_kind(SpanKind::Server);
        let mut span = self.spans.build_with_context(builder, &parent);
        if !span.is_recording() {
            return None;
        }
        span.set_attributes(attributes(request, method));
        let context = parent.with_span(span);
        name_to_handler(&context, request.headers_mut());
        request.extensions_mut().insert(Parent { context: context.clone(), spans: self.spans.clone() });
        Some(ServerSpan(context))
    }

    /// Sends what has ended, before the process does.
    pub(crate) async fn finish(&self) {
        let provider = self.provider.clone();
        _ = spawn_blocking(move || provider.shutdown_with_timeout(LAST_SPANS)).await;
    }
}

/// The variable that names the endpoint, and what it says; none where traces are turned off, too.
fn endpoint() -> Option<(&'static str, String)> {
    let off = [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")];
    if off.into_iter().any(|(name, value)| set(name).is_some_and(|is| is.eq_ignore_ascii_case(value))) {
        return None;
    }
    first_set(["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"])
}

/// The first of these variables that is set, and what it says.
fn first_set(names: [&'static str; 2]) -> Option<(&'static str, String)> {
    names.into_iter().find_map(|name| Some((name, set(name)?)))
}

/// Checks what this program cannot do and the standard allows.
///
/// # Errors
/// The variable, its value, and what is allowed.
pub(crate) fn check_settings() -> Result<(), String> {
    let Some((variable, endpoint)) = endpoint() else { return Ok(()) };
    // Nobody would send it, and whoever reads the log would see it.
    if endpoint.contains('@') {
        return Err(format!(
            "{variable} has a password in it; OTEL_EXPORTER_OTLP_HEADERS has what a collector is to be told"
        ));
    }
    // To a collector in the cluster, which does TLS where it sends on; TLS here would be a third of the program.
    if !endpoint.parse::<Uri>().is_ok_and(|uri| uri.scheme() == Some(&Scheme::HTTP) && uri.host().is_some()) {
        return Err(format!(
            "invalid value '{endpoint}' for {variable}: expected the http:// address of a collector, such as http://collector:4318"
        ));
    }
    match first_set(["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]) {
        Some((name, protocol)) if protocol != "http/protobuf" => {
            Err(format!("invalid value '{protocol}' for {name}: expected http/protobuf"))
        }
        _ => Ok(()),
    }
}

/// What the standard calls a set variable: an empty one is not.
fn set(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The methods of HTTP's registry, by which spans and series may be named; callers could invent any number of others.
pub(crate) fn known_method(method: &Method) -> Option<&'static str> {
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    known.into_iter().find(|name| method == name)
}

/// Semantic conventions for HTTP servers, 1.38: <https://opentelemetry.io/docs/specs/semconv/http/http-spans>.
fn attributes<B>(request: &Request<B>, method: Option<&'static str>) -> Vec<KeyValue> {
    let version = match request.version() {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    };
    let mut attributes = vec![
        KeyValue::new("http.request.method", method.unwrap_or("_OTHER")),
        KeyValue::new("url.scheme", "http"),
        KeyValue::new("url.path", request.uri().path().to_owned()),
        KeyValue::new("network.protocol.version", version),
    ];
    if method.is_none() {
        attributes.push(KeyValue::new("http.request.method_original", request.method().to_string()));
    }
    if let Some(query) = request.uri().query() {
        attributes.push(KeyValue::new("url.query", query.to_owned()));
    }
    if let Some(agent) = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok()) {
        attributes.push(KeyValue::new("user_agent.original", agent.to_owned()));
    }
    attributes
}

fn name_to_handler(context: &Context, headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(context, &mut HeaderInjector(headers));
    // Without a state, it injects an empty one.
    if headers.get(TRACESTATE).is_some_and(HeaderValue::is_empty) {
        headers.remove(TRACESTATE);
    }
}

/// What a request carries to where its handler begins spans.
#[derive(Clone)]
struct Parent {
    context: Context,
    spans: SdkTracer,
}

/// The span of a request.
pub(crate) struct ServerSpan(Context);

impl ServerSpan {
    /// The answer breaks off, for this reason.
    pub(crate) fn breaks_off(&self, reason: &str) {
        let span = self.0.span();
        span.set_attribute(KeyValue::new("error.type", "broken_off"));
        span.set_status(Status::error(reason.to_owned()));
    }

    /// Ends it with the status that was answered, or without one where the caller left before.
    pub(crate) fn end(&self, answered: Option<StatusCode>) {
        let span = self.0.span();
        if let Some(status) = answered {
            span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
            if status.is_server_error() {
                span.set_attribute(KeyValue::new("error.type", status.as_str().to_owned()));
                span.set_status(Status::error(""));
            }
        } else {
            span.set_attribute(KeyValue::new("error.type", "caller_left"));
            span.set_status(Status::error("the caller left before an answer had begun"));
        }
        span.end();
    }
}

/// A part of the work on a request, with a span of its own where the request has one. Dropped before its end, it has failed.
pub struct ChildSpan(Option<Context>);

impl ChildSpan {
    /// Begins it, and names it in the request's headers, so that what they are sent to belongs to it.
    pub fn begin<B>(name: &'static str, request: &mut Request<B>) -> Self {
        let Some(Parent { context, spans }) = request.extensions_mut().remove() else { return ChildSpan(None) };
        let span = spans.build_with_context(SpanBuilder::from_name(name), &context);
        let context = context.with_span(span);
        name_to_handler(&context, request.headers_mut());
        ChildSpan(Some(context))
    }

    /// Ends it, with why it failed where it did.
    pub fn end<E: fmt::Display>(mut self, outcome: Result<&(), E>) {
        if let Some(context) = self.0.take() {
            if let Err(error) = outcome {
                context.span().set_status(Status::error(error.to_string()));
            }
            context.span().end();
        }
    }
}

impl Drop for ChildSpan {
    fn drop(&mut self) {
        if let Some(context) = &self.0 {
            context.span().set_status(Status::error("stopped before its end"));
        }
    }
}

/// Sends batches: one connection each, as there is one every five seconds.
#[derive(Debug)]
struct Client {
    runtime: Handle,
    /// A collector may be away for hours; one line says it.
    is_failing: AtomicBool,
}

/// What the standard gives an export, unless `OTEL_EXPORTER_OTLP_TIMEOUT` does.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let endpoint = request.uri().clone();
        let milliseconds = first_set(["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"]);
        let time = milliseconds.and_then(|(_, text)| text.parse().ok()).map_or(EXPORT_TIMEOUT, Duration::from_millis);
        let sent = self.runtime.spawn(async move { timeout(time, send(request)).await? }).await?;
        let failure = match &sent {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(answer.status().to_string()),
            Err(error) => Some(error.to_string()),
        };
        match (failure, self.is_failing.load(Relaxed)) {
            (Some(reason), false) => {
                tracing::warn!(%endpoint, reason, "traces are lost: the collector does not take them");
            }
            (None, true) => tracing::info!(%endpoint, "the collector takes traces again"),
            _ => return sent,
        }
        self.is_failing.fetch_not(Relaxed);
        sent
    }
}

async fn send(mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let authority = request.uri().authority().ok_or("the endpoint names no host")?.clone();
    // An IPv6 address stands in brackets in a URI, and in none elsewhere.
    let host = authority.host().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    *request.uri_mut() = request.uri().path().parse()?;
    request.headers_mut().insert(http::header::HOST, authority.as_str().parse()?);
    let (head, body) = sender.send_request(request.map(Full::new)).await?.into_parts();
    let body = Limited::new(body, MAX_COLLECTOR_ANSWER).collect().await.map(http_body_util::Collected::to_bytes);
    connection.abort();
    Ok(Response::from_parts(head, body?))
}
