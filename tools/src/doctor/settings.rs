//! Settings of this project that the report names. They are read from their own files when this program is built.

const VALUES: &str = include_str!("../../../chart/values.yaml");
const CHART: &str = include_str!("../../../chart/Chart.yaml");
const SPIN_OPERATOR: &str = include_str!("../../../tests/cluster/spin-operator/go.mod");

/// The version of hello.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Returns the default of a value of the chart.
pub(crate) fn default_value(name: &str) -> &'static str {
    between(VALUES, &format!(" {name}: "), [' ', '\n'])
}

/// Returns the oldest version of Kubernetes that the chart supports.
pub(crate) fn kubernetes_version() -> &'static str {
    between(CHART, "\nkubeVersion: \">=", ['-', '"'])
}

/// Returns the version of the Spin operator that is tested.
pub(crate) fn spin_operator_version() -> &'static str {
    between(SPIN_OPERATOR, "/spin-operator ", [' ', '\n'])
}

fn between(text: &'static str, before: &str, ends: [char; 2]) -> &'static str {
    text.split_once(before).and_then(|(_, rest)| rest.split(ends).next()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_found_in_their_files() {
        assert_eq!(default_value("runtimeClassName"), "wasmtime-spin-v2");
        assert_eq!(default_value("executor"), "containerd-shim-spin");
        assert_eq!(default_value("nodePort"), "30007");
        assert!(kubernetes_version().starts_with("1."), "{}", kubernetes_version());
        assert!(spin_operator_version().starts_with('v'), "{}", spin_operator_version());
    }
}
