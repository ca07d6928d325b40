//! Values together: pairs of values, and the values that a `SpinApp` supports.

use std::fs;

use libtest_mimic::Failed;
use tests::{CHART_FEATURES, SPIN_APP_FIELDS, workspace};

use crate::{
    helm::helm,
    rendered::{OMITTED, RENDERED},
};

/// The `e2e` tests apply the rendered pairs to an API server.
pub(crate) fn each_pair_has_an_outcome() -> Result<(), Failed> {
    let (mut rendered, mut rejected) = (0, 0);
    for (index, first) in CHART_FEATURES.iter().enumerate() {
        for second in &CHART_FEATURES[index + 1..] {
            let values = format!("{first},{second}");
            let exit = helm(&["template", "hello", "chart"], &values);
            if exit.succeeded() {
                rendered += 1;
                continue;
            }
            rejected += 1;
            let output = exit.output();
            // The sentences are between empty lines. Each names the value, the problem, and the fix.
            let sentences = output.split("\n\n").nth(1).unwrap_or_default();
            let is_sentence = |line: &str| line.contains("; ") && line.ends_with('.');
            if !output.contains("execution error at") || sentences.is_empty() || !sentences.lines().all(is_sentence) {
                return Err(format!("{values} is rejected without a sentence: {output}").into());
            }
        }
    }
    assert!(rendered > 300 && rejected > 20, "{rendered} rendered, {rejected} rejected");
    Ok(())
}

/// Returns the names of all values, from the table in the chart's README.
pub(crate) fn names_of_values() -> Vec<String> {
    let readme = fs::read_to_string(workspace().join("chart/README.md")).expect("README.md");
    let (_, table) = readme.split_once("| Value | Type |").expect("the README has the table");
    let names = table.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned()));
    let names: Vec<_> = names.collect();
    assert!(names.len() > 80, "{names:?}");
    names
}

pub(crate) fn test_sets_each_value() -> Result<(), Failed> {
    let sets: Vec<_> = RENDERED.iter().chain(OMITTED).map(|(values, _)| format!(",{values}")).collect();
    let is_set = |name: &str| {
        let after =
            |set: &String| set.split(&format!(",{name}")).nth(1).is_some_and(|rest| rest.starts_with(['=', '.', '[']));
        sets.iter().any(after)
    };
    let untested: Vec<_> = names_of_values().into_iter().filter(|name| !is_set(name)).collect();
    if untested.is_empty() { Ok(()) } else { Err(format!("no test sets {untested:?}").into()) }
}

/// Values that do not concern pods, and values of the metadata that both kinds of workload have.
const OUTSIDE_OF_WORKLOAD: &[&str] = &[
    "runtime",
    "nameOverride",
    "fullnameOverride",
    "namespaceOverride",
    "commonLabels",
    "service.",
    "ingress.",
    "httpRoute.",
    "podDisruptionBudget.",
    "networkPolicy.",
    "allowedOutboundHosts",
    "dashboard.",
    "test.",
    "spin.operator",
];

/// Values that are rejected with `runtime=spin`, as Spin has no such setting.
const UNSUPPORTED_BY_SPIN: &[&str] = &[
    "maxConnectionAgeSeconds",
    "idleTimeoutSeconds",
    "serviceMonitor.",
    "podMonitor.",
    "scrapeAnnotations",
    "prometheusRule.",
    "accessLog",
    "traces.endpoint",
];

pub(crate) fn spin_app_supports_each_value() -> Result<(), Failed> {
    let checks = fs::read_to_string(workspace().join("chart/templates/_checks_spin.tpl"))?;
    let template = fs::read_to_string(workspace().join("chart/templates/spinapp.yaml"))?;
    let (_, list) = checks.split_once("define \"hello.withoutSpinApp\" -}}\n").ok_or("the template has no list")?;
    let (list, _) = list.split_once("{{- end }}").ok_or("the list has no end")?;
    let rejected: Vec<_> = list.lines().filter_map(|line| Some(line.split_once(": ")?.0)).collect();
    let matches =
        |name: &str, pattern: &str| if pattern.ends_with('.') { name.starts_with(pattern) } else { name == pattern };
    for name in names_of_values() {
        let is_known = OUTSIDE_OF_WORKLOAD.iter().chain(UNSUPPORTED_BY_SPIN).any(|pattern| matches(&name, pattern));
        let field = SPIN_APP_FIELDS.iter().find(|(pattern, _)| matches(&name, pattern)).map(|(_, field)| field);
        let ways = [is_known, field.is_some(), rejected.contains(&name.as_str())];
        assert_eq!(
            ways.iter().filter(|way| **way).count(),
            1,
            "{name}: not one of outside of a workload, supported or rejected: {ways:?}"
        );
        if let Some(field) = field {
            assert!(template.contains(&format!("  {field}:")), "spinapp.yaml has no {field}, for {name}");
        }
    }
    // The defaults in that list are those of values.yaml.
    let exit = helm(&["template", "hello", "chart"], "runtime=spin,spin.operator=true");
    Ok(exit.require(exit.succeeded())?)
}
