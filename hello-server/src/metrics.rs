//! What the server counts, and how `/metrics` shows it. The families are the same for every runtime, and of bounded size: whatever
//! callers ask for, a process has at most 200 series.

use std::{
    collections::HashMap,
    sync::{
        LazyLock, PoisonError, RwLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use prometheus::{
    Histogram, IntCounter, IntCounterVec, IntGauge, TextEncoder, histogram_opts, opts, register_histogram_vec,
    register_int_counter, register_int_counter_vec, register_int_gauge, register_int_gauge_vec,
};

use crate::{About, Config, trace::known_method};

/// From what a hello takes natively, some ten microseconds, to the default time-out.
const BUCKETS: [f64; 14] =
    [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0, 30.0];

/// Pairs of a method and a status that are counted by themselves; more than these are counted as `other` and the status's class.
const MAX_PAIRS: usize = 64;

/// Classes of statuses that end a request. Each has a histogram; one for each status, too, would be a thousand series.
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// The families that every request or connection touches.
pub(crate) struct Metrics {
    requests: IntCounterVec,
    pairs: RwLock<HashMap<(&'static str, StatusCode), IntCounter>>,
    /// Of those, the one that almost each request counts: to look it up would take a fiftieth of a request.
    get_ok: IntCounter,
    durations: [Histogram; CLASSES.len()],
    in_flight: IntGauge,
    in_flight_limit: IntGauge,
    pub(crate) connections: IntGauge,
    pub(crate) shed: IntCounter,
    pub(crate) out_of_memory: IntCounter,
}

/// Requests being worked on. The gauge follows when it is read: a request counts here, where its limit is kept, and not twice.
pub(crate) static IN_FLIGHT: AtomicU32 = AtomicU32::new(0);

/// They live in the process's default registry, where `process_*` is and where a host adds its own.
pub(crate) static METRICS: LazyLock<Metrics> =
    LazyLock::new(|| Metrics::register().expect("metric names are valid, and registered only here"));

impl Metrics {
    fn register() -> prometheus::Result<Self> {
        let requests = register_int_counter_vec!("http_requests_total", "Requests answered.", &["method", "status"])?;
        let durations = register_histogram_vec!(
            histogram_opts!(
                "http_request_duration_seconds",
                "Time from a request's headers to the end of its answer.",
                BUCKETS.to_vec()
            ),
            &["status"]
        )?;
        let get_ok = requests.with_label_values(&["GET", "200"]);
        Ok(Metrics {
            pairs: RwLock::new(HashMap::from([(("GET", StatusCode::OK), get_ok.clone())])),
            get_ok,
            requests,
            durations: CLASSES.map(|class| durations.with_label_values(&[class])),
            in_flight: register_int_gauge!("http_requests_in_flight", "Requests being worked on.")?,
            in_flight_limit: register_int_gauge!(
                "http_requests_in_flight_limit",
                "Requests that may be worked on; more are shed."
            )?,
            connections: register_int_gauge!("http_connections", "Connections held.")?,
            shed: register_int_counter!("http_requests_shed_total", "Requests refused for want of room.")?,
            out_of_memory: register_int_counter!(
                "http_connections_out_of_memory_total",
                "Connections closed because all connections together had used their memory."
            )?,
        })
    }

    pub(crate) fn record(&self, method: &Method, status: StatusCode, duration: Duration) {
        self.durations[class(status)].observe(duration.as_secs_f64());
        if (method, status) == (&Method::GET, StatusCode::OK) {
            return self.get_ok.inc();
        }
        let pair = (known_method(method).unwrap_or("other"), status);
        let known = self.pairs.read().unwrap_or_else(PoisonError::into_inner).get(&pair).cloned();
        known.unwrap_or_else(|| self.counter(pair)).inc();
    }

    fn counter(&self, pair: (&'static str, StatusCode)) -> IntCounter {
        let mut pairs = self.pairs.write().unwrap_or_else(PoisonError::into_inner);
        if pairs.len() >= MAX_PAIRS {
            return self.requests.with_label_values(&["other", CLASSES[class(pair.1)]]);
        }
        let counter = || self.requests.with_label_values(&[pair.0, pair.1.as_str()]);
        pairs.entry(pair).or_insert_with(counter).clone()
    }
}

/// The place among `CLASSES`.
fn class(status: StatusCode) -> usize {
    usize::from(status.as_u16() / 100).clamp(2, 5) - 2
}

/// Says what runs, and within which limit.
pub(crate) fn start(about: &About, runtime: &str, config: &Config) {
    METRICS.in_flight_limit.set(config.max_in_flight.into());
    let info = opts!("build_info", "Always 1; what runs stands in the labels.");
    let info = register_int_gauge_vec!(info, &["version", "runtime", "commit"]).expect("registered only here");
    let commit = config.commit.as_deref().unwrap_or(about.commit);
    info.with_label_values(&[about.version, runtime, commit]).set(1);
}

/// The metrics in the text format of Prometheus.
pub(crate) fn exposition() -> Response<Full<Bytes>> {
    METRICS.in_flight.set(IN_FLIGHT.load(Relaxed).into());
    let text = TextEncoder::new().encode_to_string(&prometheus::gather()).expect("a String takes every write");
    let mut response = Response::new(Full::from(text));
    let format = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, format);
    response
}
