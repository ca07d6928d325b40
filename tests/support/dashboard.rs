//! The chart's dashboard, as Grafana reads it.

use std::fs;

use serde_json::Value;

use crate::workspace;

/// Release and namespace in which tests look at the dashboard.
pub const RELEASE: &str = "hello";

/// A panel with queries.
#[derive(Clone, Debug)]
pub struct Panel {
    /// The title.
    pub title: String,
    /// `timeseries` or `heatmap`.
    pub kind: String,
    /// Left, top, width and height in Grafana's units, of which a row has 24.
    pub grid: [u32; 4],
    /// The unit of the values by Grafana's name, or nothing.
    pub unit: String,
    /// Legend and query of each target.
    pub targets: Vec<(String, String)>,
}

/// Returns the dashboard.
///
/// # Panics
/// Panics if the file is not JSON.
#[must_use]
pub fn dashboard() -> Value {
    let json = fs::read(workspace().join("chart/dashboards/hello.json")).expect("the chart has the dashboard");
    serde_json::from_slice(&json).expect("the dashboard is JSON")
}

/// Returns the panels of the dashboard, without its rows.
///
/// # Panics
/// Panics if a panel has neither position nor queries.
#[must_use]
pub fn panels() -> Vec<Panel> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let side = |panel: &Value, side: &str| panel["gridPos"][side].as_u64().and_then(|units| units.try_into().ok());
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().expect("the dashboard has panels");
    let panel = |panel: &Value| Panel {
        title: text(&panel["title"]),
        kind: text(&panel["type"]),
        grid: ["x", "y", "w", "h"].map(|name| side(panel, name).expect("the panel has a position")),
        unit: text(&panel["fieldConfig"]["defaults"]["unit"]),
        targets: (panel["targets"].as_array().expect("the panel has queries").iter())
            .map(|target| (text(&target["legendFormat"]), text(&target["expr"])))
            .collect(),
    };
    panels.iter().filter(|panel| panel["type"] != "row").map(panel).collect()
}

/// Returns a query with its variables filled in as Grafana does, for all runtimes, and with rates over an interval such as `1m`.
#[must_use]
pub fn fill_variables(query: &str, rate_interval: &str) -> String {
    let variables = [
        ("$namespace", RELEASE),
        ("$job", RELEASE),
        ("$__rate_interval", rate_interval),
        ("=\"$runtime\"", "=~\".+\""),
    ];
    let query = variables.iter().fold(query.to_owned(), |query, (name, value)| query.replace(name, value));
    query.replace("$runtime", ".+")
}
