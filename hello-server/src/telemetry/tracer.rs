//! Tracing: a span per request for a collector that accepts OTLP, if an endpoint is set.
//!
//! A span starts with the headers of its request, which then pass it on to the handler (`traceparent`), and ends with the response. A
//! thread of its own sends ended spans in batches. While the collector does not accept them they are dropped; requests never wait.

use std::time::Duration;

use http::Request;
use opentelemetry::{
    Context, KeyValue,
    propagation::TextMapPropagator,
    trace::{Span as _, SpanBuilder, SpanKind, TraceContextExt, Tracer as _, TracerProvider},
};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    resource::EnvResourceDetector,
    trace::{SdkTracer, SdkTracerProvider},
};
use tokio::{runtime::Handle, task::spawn_blocking};

use super::{
    labels::known_method,
    otlp_client::OtlpClient,
    spans::{ServerSpan, TRACEPARENT, request_attributes},
};
use crate::{
    config::{non_empty_variable, otlp_endpoint},
    program_info::ProgramInfo,
};

/// Text of `--help` about the variables that [`Tracer::start`] reads.
pub const HELP: &str = "\
Traces:
  A span for each request goes to the collector at OTEL_EXPORTER_OTLP_ENDPOINT, such as http://collector:4318.
  OTEL_TRACES_SAMPLER=parentbased_traceidratio with OTEL_TRACES_SAMPLER_ARG=0.01 samples one of 100 requests, except
  where the client has already decided. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES name the service.";

/// Longest time that the end of the process waits for the last spans.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// Creates spans. Clones share the exporter.
#[derive(Clone)]
pub(crate) struct Tracer {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Tracer {
    /// Reads the `OTEL_` variables that OpenTelemetry defines, which have been checked. Without an endpoint there is no tracer.
    ///
    /// # Errors
    /// One line: why traces cannot be exported.
    pub(crate) fn start(info: &ProgramInfo, runtime: &'static str) -> Result<Option<Self>, String> {
        if otlp_endpoint().is_none() {
            return Ok(None);
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(OtlpClient::new(Handle::current()))
            .build()
            .map_err(|error| format!("cannot export traces: {error}"))?;
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.name", "hello"),
                KeyValue::new("service.version", info.version),
                KeyValue::new("process.runtime.name", runtime),
            ])
            .with_detector(Box::new(EnvResourceDetector::new()))
            .with_attributes(non_empty_variable("OTEL_SERVICE_NAME").map(|name| KeyValue::new("service.name", name)))
            .build();
        let provider = SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build();
        let tracer = provider.tracer(info.name);
        Ok(Some(Tracer { provider, tracer }))
    }

    /// Starts the span of a request, as part of the client's trace if there is one, and passes it on to the handler. Returns none if the
    /// request is not sampled; the handler then gets the client's trace context unchanged.
    pub(crate) fn start_span<B>(&self, request: &mut Request<B>) -> Option<ServerSpan> {
        let mut parent = Context::new();
        if request.headers().contains_key(TRACEPARENT) {
            parent = TraceContextPropagator::new().extract_with_context(&parent, &HeaderExtractor(request.headers()));
        }
        let method = known_method(request.method());
        let builder = SpanBuilder::from_name(method.unwrap_or("HTTP")).with_kind(SpanKind::Server);
        let mut span = self.tracer.build_with_context(builder, &parent);
        if !span.is_recording() {
            return None;
        }
        span.set_attributes(request_attributes(request, method));
        Some(ServerSpan::new(parent.with_span(span), &self.tracer, request))
    }

    /// Sends the last spans.
    pub(crate) async fn shutdown(&self) {
        let provider = self.provider.clone();
        _ = spawn_blocking(move || provider.shutdown_with_timeout(SHUTDOWN_TIMEOUT)).await;
    }
}
