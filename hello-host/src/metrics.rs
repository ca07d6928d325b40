//! What the host counts besides the HTTP families of `hello-server`; they stand on the same `/metrics`.

use std::sync::LazyLock;

use prometheus::{
    IntCounter, IntCounterVec, IntGauge, register_int_counter, register_int_counter_vec, register_int_gauge,
};

/// Why an instance failed.
#[derive(Clone, Copy)]
pub(crate) enum Failure {
    /// The component could not be instantiated.
    Instantiation,
    /// The guest trapped: a panic, too much memory or stack, an unreachable.
    Trap,
    /// The guest did not answer in time.
    Timeout,
    /// The guest answered with an error instead of a response.
    Error,
    /// The guest's work after its response took too long.
    BackgroundTimeout,
}

impl Failure {
    const ALL: [Failure; 5] =
        [Failure::Instantiation, Failure::Trap, Failure::Timeout, Failure::Error, Failure::BackgroundTimeout];

    fn label(self) -> &'static str {
        match self {
            Failure::Instantiation => "instantiation",
            Failure::Trap => "trap",
            Failure::Timeout => "timeout",
            Failure::Error => "error",
            Failure::BackgroundTimeout => "background-timeout",
        }
    }
}

pub(crate) struct Metrics {
    pub(crate) instances: IntGauge,
    pub(crate) instantiations: IntCounter,
    pub(crate) reuses: IntCounter,
    pub(crate) memory: IntGauge,
    pub(crate) output_dropped: IntCounter,
    failures: IntCounterVec,
}

pub(crate) static METRICS: LazyLock<Metrics> =
    LazyLock::new(|| Metrics::register().expect("metric names are valid, and registered only here"));

impl Metrics {
    fn register() -> prometheus::Result<Self> {
        let metrics = Metrics {
            instances: register_int_gauge!("wasm_instances", "Instances of the component that are alive.")?,
            instantiations: register_int_counter!("wasm_instantiations_total", "Instances made.")?,
            reuses: register_int_counter!(
                "wasm_instance_reuses_total",
                "Requests given to an instance that had answered another."
            )?,
            memory: register_int_gauge!("wasm_guest_memory_bytes", "Linear memory of all instances.")?,
            output_dropped: register_int_counter!(
                "wasm_guest_output_dropped_bytes_total",
                "Bytes that guests wrote to standard output and error beyond what is logged."
            )?,
            failures: register_int_counter_vec!(
                "wasm_instance_failures_total",
                "Instances that failed, by reason.",
                &["reason"]
            )?,
        };
        // A family without a series would not show before the first failure.
        for failure in Failure::ALL {
            metrics.failures.with_label_values(&[failure.label()]);
        }
        Ok(metrics)
    }

    pub(crate) fn failed(&self, failure: Failure) {
        self.failures.with_label_values(&[failure.label()]).inc();
    }
}
