//! The chart's dashboard, as Grafana would read it.

use std::fs;

use serde_json::Value;

use crate::workspace;

/// Release and namespace, where the dashboard is looked at in tests.
pub const RELEASE: &str = "hello";

/// A panel that shows something.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What stands above it.
    pub title: String,
    /// `timeseries` or `heatmap`
    pub kind: String,
    /// Left, top, width and height, in Grafana's units: 24 are the whole width.
    pub place: [u32; 4],
    /// Of its values, as Grafana calls it; nothing where they have none.
    pub unit: String,
    /// Legend and query of what it shows.
    pub targets: Vec<(String, String)>,
}

/// The dashboard.
///
/// # Panics
/// Where it is none.
#[must_use]
pub fn dashboard() -> Value {
    let json = fs::read(workspace().join("chart/dashboards/hello.json")).expect("the dashboard");
    serde_json::from_slice(&json).expect("JSON")
}

/// Its panels, without the rows that only hold them.
///
/// # Panics
/// Where it has none.
#[must_use]
pub fn panels() -> Vec<Panel> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let place = |panel: &Value, side: &str| panel["gridPos"][side].as_u64().and_then(|units| units.try_into().ok());
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().expect("panels").iter().filter(|panel| panel["type"] != "row");
    let panel = |panel: &Value| Panel {
        title: text(&panel["title"]),
        kind: text(&panel["type"]),
        place: ["x", "y", "w", "h"].map(|side| place(panel, side).expect("a place")),
        unit: text(&panel["fieldConfig"]["defaults"]["unit"]),
        targets: (panel["targets"].as_array().expect("queries").iter())
            .map(|target| (text(&target["legendFormat"]), text(&target["expr"])))
            .collect(),
    };
    panels.map(panel).collect()
}

/// A query with its variables filled in as Grafana does, with all runtimes, and with rates over so long a time, such as `1m`.
#[must_use]
pub fn filled_in(query: &str, rate_interval: &str) -> String {
    let variables = [
        ("$namespace", RELEASE),
        ("$job", RELEASE),
        ("$__rate_interval", rate_interval),
        ("=\"$runtime\"", "=~\".+\""),
    ];
    let query = variables.iter().fold(query.to_owned(), |query, (name, value)| query.replace(name, value));
    query.replace("$runtime", ".+")
}
