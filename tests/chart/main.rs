//! The Helm chart: what it renders, which values it rejects, which files are generated from it, and what checkov reports.

mod checkov;
mod combined;
mod dependency;
mod generated;
mod helm;
mod names;
mod rejected;
mod rendered;
mod versions;

use std::process::ExitCode;

use libtest_mimic::Trial;
use tests::{Missing, run_trials, trial, trials_or_one};

fn trials_with_helm() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (values, contained) in rendered::RENDERED {
        trials.push(trial(format!("renders: {values}"), None, || rendered::renders(values, contained)));
    }
    for (values, absent) in rendered::OMITTED {
        trials.push(trial(format!("omits: {values}"), None, || rendered::omits(values, absent)));
    }
    for (values, error) in rejected::REJECTED {
        trials.push(trial(format!("rejects: {values}"), None, || rejected::rejects(values, error)));
    }
    for file in generated::VALUES_IN_GIT {
        trials.push(trial(format!("accepts: {file}"), None, || generated::accepts(file)));
    }
    trials.extend([
        trial("rejects names that no Service can have", None, rejected::rejects_names_of_no_service),
        trial("rejects null for a required value", None, rejected::rejects_null_for_a_required_value),
        trial("each pair of values is rendered or rejected with a sentence", None, combined::each_pair_has_an_outcome),
        trial("a SpinApp supports each value, or the value is rejected", None, combined::spin_app_supports_each_value),
        trial("works as a dependency with a condition and with two aliases", None, dependency::works_as_a_dependency),
        trial("text that looks like a number in YAML stays text", None, names::text_stays_text),
        trial("names and labels have at most 63 characters", None, names::names_have_at_most_63_characters),
        trial("renders the user and the DNS port of OpenShift", None, names::renders_for_openshift),
        trial("Argo CD's project allows all kinds", None, generated::project_allows_all_kinds),
        trial("manifests/ are current", None, generated::manifests_are_current),
        trial("checkov passes the chart", Missing::programs(&["checkov"]), checkov::passes_the_chart),
        trial("checkov passes helm test", Missing::programs(&["checkov"]), checkov::passes_helm_test),
    ]);
    for old in versions::OLD {
        let name = format!("{old} renders the same");
        trials.push(trial(name, Missing::programs(&[old]), || versions::renders_the_same(old)));
    }
    trials
}

fn main() -> ExitCode {
    let mut trials = trials_or_one("the chart", Missing::programs(&["helm"]), trials_with_helm());
    trials.extend([
        trial("a test sets each value", None, combined::test_sets_each_value),
        trial("chart/README.md is current", None, generated::readme_is_current),
        trial("checkov passes manifests/", Missing::programs(&["checkov"]), checkov::passes_manifests),
    ]);
    run_trials(trials)
}
