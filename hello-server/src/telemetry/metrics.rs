//! Metrics of the server, the same for every runtime. Their number is bounded: whatever clients send, a process has at most 200 series.

use std::{
    collections::HashMap,
    sync::{LazyLock, PoisonError, RwLock},
    time::Duration,
};

use http::{Method, StatusCode};
use prometheus::{
    Histogram, IntCounter, IntCounterVec, IntGauge, TextEncoder, histogram_opts, opts, register_histogram_vec,
    register_int_counter, register_int_counter_vec, register_int_gauge, register_int_gauge_vec,
};

use super::labels::{STATUS_CLASSES, known_method, status_class};
use crate::{config::Config, program_info::ProgramInfo};

/// Upper bounds in seconds, from the time of a native hello, some ten microseconds, to the default timeout.
const BUCKETS: [f64; 14] =
    [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0, 30.0];

/// Limit on pairs of a method and a status with a series of their own. Further ones count as `other` and the status's class.
const MAX_PAIRS: usize = 64;

pub(crate) struct Metrics {
    requests: IntCounterVec,
    by_method_and_status: RwLock<HashMap<(&'static str, StatusCode), IntCounter>>,
    /// The counter of GET with 200, which almost every request increments. The lookup would cost a fiftieth of a request.
    get_ok: IntCounter,
    /// One histogram per class. One per status would be a thousand series.
    durations: [Histogram; STATUS_CLASSES.len()],
    in_flight: IntGauge,
    in_flight_limit: IntGauge,
    pub(crate) connections: IntGauge,
    pub(crate) shed: IntCounter,
    pub(crate) out_of_memory: IntCounter,
}

/// Registered in the default registry of the process, which also has `process_*`, and the metrics of a host.
pub(crate) static METRICS: LazyLock<Metrics> =
    LazyLock::new(|| Metrics::register().expect("metric names are valid, and registered only here"));

impl Metrics {
    fn register() -> prometheus::Result<Self> {
        let requests = register_int_counter_vec!(
            "http_requests_total",
            "Requests, by method and status of the response.",
            &["method", "status"]
        )?;
        let durations = register_histogram_vec!(
            histogram_opts!(
                "http_request_duration_seconds",
                "Time from a request's headers to the end of its response.",
                BUCKETS.to_vec()
            ),
            &["status"]
        )?;
        let get_ok = requests.with_label_values(&["GET", "200"]);
        Ok(Metrics {
            by_method_and_status: RwLock::new(HashMap::from([(("GET", StatusCode::OK), get_ok.clone())])),
            get_ok,
            requests,
            durations: STATUS_CLASSES.map(|class| durations.with_label_values(&[class])),
            in_flight: register_int_gauge!("http_requests_in_flight", "Requests in flight.")?,
            in_flight_limit: register_int_gauge!(
                "http_requests_in_flight_limit",
                "Limit on requests in flight; more are rejected with 503."
            )?,
            connections: register_int_gauge!("http_connections", "Open connections.")?,
            shed: register_int_counter!(
                "http_requests_shed_total",
                "Requests rejected with 503 because a limit was reached."
            )?,
            out_of_memory: register_int_counter!(
                "http_connections_out_of_memory_total",
                "Connections closed because the memory limit of all connections was reached."
            )?,
        })
    }

    /// Sets the metrics that describe the process.
    pub(crate) fn describe(&self, info: &ProgramInfo, runtime: &str, config: &Config) {
        self.in_flight_limit.set(config.max_in_flight.into());
        let opts = opts!("build_info", "Always 1; the labels describe the program.");
        let gauge = register_int_gauge_vec!(opts, &["version", "runtime", "commit"]).expect("registered only here");
        let commit = config.commit.as_deref().unwrap_or(info.commit);
        gauge.with_label_values(&[info.version, runtime, commit]).set(1);
    }

    pub(crate) fn record(&self, method: &Method, status: StatusCode, duration: Duration) {
        self.durations[status_class(status)].observe(duration.as_secs_f64());
        if (method, status) == (&Method::GET, StatusCode::OK) {
            return self.get_ok.inc();
        }
        let pair = (known_method(method).unwrap_or("other"), status);
        let known = self.by_method_and_status.read().unwrap_or_else(PoisonError::into_inner).get(&pair).cloned();
        known.unwrap_or_else(|| self.counter(pair)).inc();
    }

    fn counter(&self, pair: (&'static str, StatusCode)) -> IntCounter {
        let mut counters = self.by_method_and_status.write().unwrap_or_else(PoisonError::into_inner);
        if counters.len() >= MAX_PAIRS {
            return self.requests.with_label_values(&["other", STATUS_CLASSES[status_class(pair.1)]]);
        }
        let counter = || self.requests.with_label_values(&[pair.0, pair.1.as_str()]);
        counters.entry(pair).or_insert_with(counter).clone()
    }

    /// Returns all metrics of the process in the text format of Prometheus.
    pub(crate) fn exposition(&self, in_flight: u32) -> String {
        self.in_flight.set(in_flight.into());
        TextEncoder::new().encode_to_string(&prometheus::gather()).expect("a String accepts every write")
    }
}
