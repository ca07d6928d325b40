//! The chart's alerts.

use std::{fs, process::Command};

use libtest_mimic::Failed;
use serde_json::Value;
use tests::{Prometheus, RELEASE, Server, native_command, run_to_exit, workspace};

/// Returns the rules in Prometheus's own format, which is the `spec` of a `PrometheusRule`.
pub(crate) fn rules(values: &str) -> String {
    let mut helm = Command::new("helm");
    helm.current_dir(workspace()).args(["template", RELEASE, "chart", "--namespace", RELEASE]);
    helm.args(["--set", "prometheusRule.enabled=true", "--set", values]);
    helm.args(["--show-only", "templates/prometheusrule.yaml"]);
    let rendered = run_to_exit(helm);
    let (_, spec) = rendered.stdout.split_once("\nspec:\n").unwrap_or_else(|| panic!("{}", rendered.output()));
    spec.lines().flat_map(|line| [line.strip_prefix("  ").unwrap_or(line), "\n"]).collect()
}

/// Returns the rules with the default values.
pub(crate) fn default_rules() -> String {
    rules("prometheusRule.enabled=true")
}

/// Runs alerts.yaml.
pub(crate) fn alerts_pass_their_tests() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("rules.yaml"), default_rules())?;
    fs::copy(workspace().join("tests/observability/alerts.yaml"), folder.path().join("alerts.yaml"))?;
    for arguments in [["check", "rules", "rules.yaml"], ["test", "rules", "alerts.yaml"]] {
        let mut promtool = Command::new("promtool");
        promtool.args(arguments).current_dir(folder.path());
        let checked = run_to_exit(promtool);
        checked.require(checked.succeeded())?;
    }
    Ok(())
}

/// Prometheus 3 stores the bound 10 as 10.0, and earlier versions as 10.
pub(crate) fn latency_bounds_have_series(program: &str) -> Result<(), Failed> {
    let schema: Value = serde_json::from_str(&fs::read_to_string(workspace().join("chart/values.schema.json"))?)?;
    let bounds = schema["properties"]["prometheusRule"]["properties"]["latencySeconds"]["enum"].as_array();
    let bounds = bounds.ok_or("the schema lists the bounds")?;
    assert!(bounds.len() >= 18, "the schema lacks bounds as numbers or as text: {bounds:?}");
    let server = Server::start(native_command());
    assert_eq!(server.get("/").status, 200);
    let prometheus = Prometheus::scrape_by(program, &default_rules(), [("native", server.admin)].into_iter());
    for bound in bounds {
        let text = bound.as_str().map_or_else(|| bound.to_string(), str::to_owned);
        let rules = rules(&format!("prometheusRule.latencySeconds={text}"));
        let (_, rest) = rules.split_once("rate(http_request_duration_seconds_bucket{").ok_or("no selector")?;
        let (selector, _) = rest.split_once("}[").ok_or("the selector has no end")?;
        let query = format!("http_request_duration_seconds_bucket{{{selector}}}");
        prometheus.wait_for(&query, |samples| !samples.is_empty());
    }
    Ok(())
}
