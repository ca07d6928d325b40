//! Targets of the benchmarks, and whether a measurement reaches them.

use serde::Serialize;

use crate::compare::median;

#[derive(Serialize, Clone, Copy)]
pub(crate) enum Unit {
    Ratio,
    Milliseconds,
    Mebibytes,
}

impl Unit {
    pub(super) fn format(self, value: f64) -> String {
        match self {
            Unit::Ratio => format!("{value:.2}"),
            Unit::Milliseconds => format!("{value:.1} ms"),
            Unit::Mebibytes => format!("{value:.1} MiB"),
        }
    }
}

/// Bounds of a value: a change that misses `required` is rejected; `goal` is as good as anything known.
#[derive(Serialize, Clone, Copy)]
pub(crate) struct Bounds {
    required: f64,
    goal: f64,
}

/// Whether higher or lower values are better.
#[derive(Serialize, Clone, Copy)]
pub(crate) enum Limit {
    AtLeast(Bounds),
    AtMost(Bounds),
}

impl Limit {
    pub(crate) fn at_least(required: f64, goal: f64) -> Self {
        Limit::AtLeast(Bounds { required, goal })
    }

    pub(crate) fn at_most(required: f64, goal: f64) -> Self {
        Limit::AtMost(Bounds { required, goal })
    }
}

/// A measured value with its limit: one row of the first table.
#[derive(Serialize)]
pub(super) struct Target {
    pub(super) what: String,
    /// All measurements, sorted.
    pub(super) measured: Vec<f64>,
    pub(super) unit: Unit,
    pub(super) limit: Limit,
}

impl Target {
    pub(super) fn median(&self) -> f64 {
        median(self.measured.iter().copied())
    }

    /// Returns the bound that is reached, by its name in the table.
    fn reached(&self) -> &'static str {
        let measured = self.median();
        let (is_required_reached, is_goal_reached) = match self.limit {
            Limit::AtLeast(Bounds { required, goal }) => (measured >= required, measured >= goal),
            Limit::AtMost(Bounds { required, goal }) => (measured <= required, measured <= goal),
        };
        if is_goal_reached {
            "aim"
        } else if is_required_reached {
            "must"
        } else {
            "**missed**"
        }
    }

    pub(super) fn row(&self) -> String {
        let (sign, Bounds { required, goal }) = match self.limit {
            Limit::AtLeast(bounds) => ("≥", bounds),
            Limit::AtMost(bounds) => ("≤", bounds),
        };
        let format = |value| self.unit.format(value);
        let spread = match (self.measured.first(), self.measured.last()) {
            (Some(low), Some(high)) if self.measured.len() > 1 => format!(" ({} – {})", format(*low), format(*high)),
            _ => String::new(),
        };
        format!(
            "| {} | {}{spread} | {sign} {} | {sign} {} | {} |",
            self.what,
            format(self.median()),
            format(required),
            format(goal),
            self.reached()
        )
    }
}
