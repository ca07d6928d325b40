//! What the server counts, and how `/metrics` shows it. The families are the same for every runtime.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use prometheus::{
    Encoder, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, TextEncoder, histogram_opts, opts,
    register_histogram_vec, register_int_counter, register_int_counter_vec, register_int_gauge, register_int_gauge_vec,
};

use crate::About;

/// From what a hello takes natively, some ten microseconds, to the default time-out.
const BUCKETS: [f64; 14] =
    [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0, 30.0];

/// The families that every request or connection touches.
pub(crate) struct Metrics {
    requests: IntCounterVec,
    duration: HistogramVec,
    /// Of those, what almost every request counts: to look it up again would take a fiftieth of a request.
    usual: (IntCounter, Histogram),
    in_flight: IntGauge,
    pub(crate) connections: IntGauge,
    pub(crate) shed: IntCounter,
}

/// Requests being worked on. The gauge follows when it is read: a request counts here, where its limit is kept, and not twice.
pub(crate) static IN_FLIGHT: AtomicU32 = AtomicU32::new(0);

/// They live in the process's default registry, where `process_*` is and where a host adds its own.
pub(crate) static METRICS: LazyLock<Metrics> =
    LazyLock::new(|| Metrics::register().expect("metric names are valid, and registered only here"));

impl Metrics {
    fn register() -> prometheus::Result<Self> {
        let labels = &["method", "status"];
        let requests = register_int_counter_vec!("http_requests_total", "Requests answered.", labels)?;
        let duration = register_histogram_vec!(
            histogram_opts!(
                "http_request_duration_seconds",
                "Time from a request's headers to the end of its answer.",
                BUCKETS.to_vec()
            ),
            labels
        )?;
        let usual = (requests.with_label_values(&["GET", "200"]), duration.with_label_values(&["GET", "200"]));
        Ok(Metrics {
            requests,
            duration,
            usual,
            in_flight: register_int_gauge!("http_requests_in_flight", "Requests being worked on.")?,
            connections: register_int_gauge!("http_connections", "Connections held.")?,
            shed: register_int_counter!(
                "http_requests_shed_total",
                "Requests refused because too many were in flight."
            )?,
        })
    }

    pub(crate) fn record(&self, method: &Method, status: StatusCode, duration: Duration) {
        let duration = duration.as_secs_f64();
        if (method, status) == (&Method::GET, StatusCode::OK) {
            let (requests, durations) = &self.usual;
            requests.inc();
            return durations.observe(duration);
        }
        let labels = [method_label(method), status.as_str()];
        self.requests.with_label_values(&labels).inc();
        self.duration.with_label_values(&labels).observe(duration);
    }
}

/// Callers can invent methods; a label must stay bounded.
fn method_label(method: &Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" | "TRACE" | "CONNECT") => known,
        _ => "other",
    }
}

/// Says what runs.
pub(crate) fn start(about: &About, runtime: &str) {
    let info = opts!("build_info", "Always 1; what runs stands in the labels.");
    let info = register_int_gauge_vec!(info, &["version", "runtime", "commit"]).expect("registered only here");
    info.with_label_values(&[about.version, runtime, about.commit]).set(1);
}

pub(crate) fn exposition() -> Response<Full<Bytes>> {
    let mut text = Vec::with_capacity(16 * 1024);
    METRICS.in_flight.set(IN_FLIGHT.load(Relaxed).into());
    let encoder = TextEncoder::new();
    encoder.encode(&prometheus::gather(), &mut text).expect("a Vec takes every write");
    let mut response = Response::new(Full::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    response
}
