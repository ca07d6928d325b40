//! Values together: pairs of them, all of them, and those that a `SpinApp` has fields for.

use std::fs;

use libtest_mimic::Failed;
use tests::{CHART_FEATURES, SPIN_APP_FIELDS, workspace};

use crate::{
    helm::helm,
    rendered::{LEFT_OUT, RENDERED},
};

/// `e2e` gives what is rendered to an API server.
pub(crate) fn pairs() -> Result<(), Failed> {
    let (mut rendered, mut refused) = (0, 0);
    for (index, first) in CHART_FEATURES.iter().enumerate() {
        for second in &CHART_FEATURES[index + 1..] {
            let values = format!("{first},{second}");
            let exit = helm(&["template", "hello", "chart"], &values);
            if exit.succeeded() {
                rendered += 1;
                continue;
            }
            refused += 1;
            let said = exit.output();
            // The sentences stand between empty lines: which value, what is wrong, what to set instead.
            let sentences = said.split("\n\n").nth(1).unwrap_or_default();
            let is_sentence = |line: &str| line.contains("; ") && line.ends_with('.');
            if !said.contains("execution error at") || sentences.is_empty() || !sentences.lines().all(is_sentence) {
                return Err(format!("{values} is refused without a sentence: {said}").into());
            }
        }
    }
    assert!(rendered > 300 && refused > 20, "{rendered} rendered, {refused} refused");
    Ok(())
}

/// The names of all values, from the table in the chart's README.
pub(crate) fn names_of_values() -> Vec<String> {
    let readme = fs::read_to_string(workspace().join("chart/README.md")).expect("README.md");
    let (_, table) = readme.split_once("| Value | Type |").expect("a table");
    let names = table.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned()));
    let names: Vec<_> = names.collect();
    assert!(names.len() > 80, "{names:?}");
    names
}

pub(crate) fn every_value_is_tested() -> Result<(), Failed> {
    let sets: Vec<_> = RENDERED.iter().chain(LEFT_OUT).map(|(values, _)| format!(",{values}")).collect();
    let is_set = |name: &str| {
        let after =
            |set: &String| set.split(&format!(",{name}")).nth(1).is_some_and(|rest| rest.starts_with(['=', '.', '[']));
        sets.iter().any(after)
    };
    let untested: Vec<_> = names_of_values().into_iter().filter(|name| !is_set(name)).collect();
    if untested.is_empty() { Ok(()) } else { Err(format!("no test sets {untested:?}").into()) }
}

/// Values that have nothing to do with pods, or that both kinds of workload have in their metadata.
const NOT_OF_WORKLOAD: &[&str] = &[
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

/// Values for which Spin has no setting: they are refused with `runtime=spin`, however Spin is started.
const NOT_OF_SPIN: &[&str] = &[
    "maxConnectionAgeSeconds",
    "idleTimeoutSeconds",
    "serviceMonitor.",
    "podMonitor.",
    "scrapeAnnotations",
    "prometheusRule.",
    "accessLog",
    "traces.endpoint",
];

pub(crate) fn spin_app() -> Result<(), Failed> {
    let checks = fs::read_to_string(workspace().join("chart/templates/_checks_spin.tpl"))?;
    let template = fs::read_to_string(workspace().join("chart/templates/spinapp.yaml"))?;
    let (_, list) = checks.split_once("define \"hello.withoutSpinApp\" -}}\n").ok_or("a list")?;
    let (list, _) = list.split_once("{{- end }}").ok_or("its end")?;
    let refused: Vec<_> = list.lines().filter_map(|line| Some(line.split_once(": ")?.0)).collect();
    let is_of = |name: &str, of: &str| if of.ends_with('.') { name.starts_with(of) } else { name == of };
    for name in names_of_values() {
        let is_known = NOT_OF_WORKLOAD.iter().chain(NOT_OF_SPIN).any(|of| is_of(&name, of));
        let field = SPIN_APP_FIELDS.iter().find(|(of, _)| is_of(&name, of)).map(|(_, field)| field);
        let ways = [is_known, field.is_some(), refused.contains(&name.as_str())];
        assert_eq!(
            ways.iter().filter(|way| **way).count(),
            1,
            "{name}: not of a workload, expressed or refused: {ways:?}"
        );
        if let Some(field) = field {
            assert!(template.contains(&format!("  {field}:")), "spinapp.yaml has no {field}, for {name}");
        }
    }
    // The defaults in that list are those of values.yaml.
    let exit = helm(&["template", "hello", "chart"], "runtime=spin,spin.operator=true");
    Ok(exit.require(exit.succeeded())?)
}
