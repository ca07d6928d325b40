//! Spans: of a request, and of a handler's part of the work.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Version, header::USER_AGENT};
use opentelemetry::{
    Context, KeyValue,
    propagation::TextMapPropagator,
    trace::{SpanBuilder, Status, TraceContextExt, Tracer as _},
};
use opentelemetry_http::HeaderInjector;
use opentelemetry_sdk::{propagation::TraceContextPropagator, trace::SdkTracer};

/// Header of W3C Trace Context: the span that a request is part of.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Span of a request.
pub(crate) struct ServerSpan(Context);

/// Extension of a request: the parent for spans of its handler.
#[derive(Clone)]
struct RequestSpan {
    context: Context,
    tracer: SdkTracer,
}

impl ServerSpan {
    /// Passes the span in this context on to the handler: in the headers, and as an extension.
    pub(super) fn new<B>(context: Context, tracer: &SdkTracer, request: &mut Request<B>) -> Self {
        inject_trace_context(&context, request.headers_mut());
        request.extensions_mut().insert(RequestSpan { context: context.clone(), tracer: tracer.clone() });
        ServerSpan(context)
    }

    /// The response ends before it is complete.
    pub(crate) fn response_aborted(&self, reason: &str) {
        let span = self.0.span();
        span.set_attribute(KeyValue::new("error.type", "response_aborted"));
        span.set_status(Status::error(reason.to_owned()));
    }

    /// Ends the span with the status of the response; without one if the client left before the response started.
    pub(crate) fn end(&self, status: Option<StatusCode>) {
        let span = self.0.span();
        if let Some(status) = status {
            span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
            if status.is_server_error() {
                span.set_attribute(KeyValue::new("error.type", status.as_str().to_owned()));
                span.set_status(Status::error(""));
            }
        } else {
            span.set_attribute(KeyValue::new("error.type", "client_disconnected"));
            span.set_status(Status::error("the client disconnected before the response started"));
        }
        span.end();
    }
}

/// Span of a part of the work on a request; without effect if the request has none. If it is dropped before its end, its status is an
/// error.
pub struct ChildSpan(Option<Context>);

impl ChildSpan {
    /// Starts the span, and passes it on in the request's headers: spans of the service that the request is sent to become its children.
    pub fn start<B>(name: &'static str, request: &mut Request<B>) -> Self {
        let Some(RequestSpan { context, tracer }) = request.extensions_mut().remove() else { return ChildSpan(None) };
        let span = tracer.build_with_context(SpanBuilder::from_name(name), &context);
        let context = context.with_span(span);
        inject_trace_context(&context, request.headers_mut());
        ChildSpan(Some(context))
    }

    /// Ends the span; its status has the error, if there is one.
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

/// Returns the attributes of a request's span, by the semantic conventions for HTTP servers, 1.38:
/// <https://opentelemetry.io/docs/specs/semconv/http/http-spans>.
pub(super) fn request_attributes<B>(request: &Request<B>, method: Option<&'static str>) -> Vec<KeyValue> {
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

fn inject_trace_context(context: &Context, headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(context, &mut HeaderInjector(headers));
    // Without a state, it injects an empty one.
    if headers.get(TRACESTATE).is_some_and(HeaderValue::is_empty) {
        headers.remove(TRACESTATE);
    }
}

/// Returns the id of the trace in a `traceparent` (W3C Trace Context, 3.2.2: version, trace, parent, flags), if it is valid.
pub(crate) fn trace_id(traceparent: &HeaderValue) -> Option<&str> {
    let id = traceparent.to_str().ok()?.split('-').nth(1)?;
    (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_id_is_the_second_field() {
        let traceparent = HeaderValue::from_static("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert_eq!(trace_id(&traceparent), Some("0af7651916cd43dd8448eb211c80319c"));
    }

    #[test]
    fn invalid_trace_id_is_ignored() {
        for invalid in [
            &b""[..],
            b"00",
            b"00--b7ad6b7169203331-01",
            b"00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            b"00-0af7651916cd43dd8448eb211c80319cc-b7ad6b7169203331-01",
            b"00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
            b"00-0af7651916cd43dd8448eb211c80319\xe9-b7ad6b7169203331-01",
        ] {
            assert_eq!(trace_id(&HeaderValue::from_bytes(invalid).unwrap()), None, "{invalid:?}");
        }
    }
}
