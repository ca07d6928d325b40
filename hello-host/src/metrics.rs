//! Metrics of the host. They are on the same `/metrics` as the HTTP metrics of `hello-server`.

use std::sync::LazyLock;

use prometheus::{
    IntCounter, IntCounterVec, IntGauge, register_int_counter, register_int_counter_vec, register_int_gauge,
};

/// Label values of `wasm_instance_failures_total`.
#[derive(Clone, Copy)]
pub(crate) enum FailureReason {
    /// The component could not be instantiated.
    Instantiation,
    /// The guest trapped: a panic, too much memory or stack, an unreachable instruction.
    Trap,
    /// The guest's response did not start, or stalled, within the request timeout.
    Timeout,
    /// The guest returned an error instead of a response.
    Error,
    /// The guest's work after its response took longer than the request timeout.
    BackgroundTimeout,
}

impl FailureReason {
    const ALL: [FailureReason; 5] = [
        FailureReason::Instantiation,
        FailureReason::Trap,
        FailureReason::Timeout,
        FailureReason::Error,
        FailureReason::BackgroundTimeout,
    ];

    fn label(self) -> &'static str {
        match self {
            FailureReason::Instantiation => "instantiation",
            FailureReason::Trap => "trap",
            FailureReason::Timeout => "timeout",
            FailureReason::Error => "error",
            FailureReason::BackgroundTimeout => "background-timeout",
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
            instantiations: register_int_counter!("wasm_instantiations_total", "Instances created.")?,
            reuses: register_int_counter!(
                "wasm_instance_reuses_total",
                "Requests handled by an instance that had handled another before."
            )?,
            memory: register_int_gauge!(
                "wasm_guest_memory_bytes",
                "Linear memory of all instances together, in bytes."
            )?,
            output_dropped: register_int_counter!(
                "wasm_guest_output_dropped_bytes_total",
                "Bytes of guests' standard output and error that were over a limit and not logged."
            )?,
            failures: register_int_counter_vec!(
                "wasm_instance_failures_total",
                "Instances that failed, by reason.",
                &["reason"]
            )?,
        };
        // Creates every series: a rate over the first failure needs the 0 before it.
        for reason in FailureReason::ALL {
            metrics.failures.with_label_values(&[reason.label()]);
        }
        Ok(metrics)
    }

    pub(crate) fn count_failure(&self, reason: FailureReason) {
        self.failures.with_label_values(&[reason.label()]).inc();
    }
}
