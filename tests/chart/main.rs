//! The Helm chart: what it renders, what it refuses, what is made from it, and what checkov finds in that. Needs the programs helm
//! and checkov; without them the cases that do are reported as ignored.

mod checkov;
mod combined;
mod dependency;
mod helm;
mod made;
mod names;
mod refused;
mod rendered;
mod versions;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use tests::is_missing;

/// Ignored if a program is missing.
fn trial(
    name: impl Into<String>,
    is_ignored: bool,
    check: impl FnOnce() -> Result<(), Failed> + Send + 'static,
) -> Trial {
    Trial::test(name, check).with_ignored_flag(is_ignored)
}

fn main() -> ExitCode {
    let (helm, checkov) = (is_missing("helm"), is_missing("checkov"));
    let mut trials = Vec::new();
    for (values, contained) in rendered::RENDERED {
        trials.push(trial(format!("renders: {values}"), helm, || rendered::renders(values, contained)));
    }
    for (values, left_out) in rendered::LEFT_OUT {
        trials.push(trial(format!("leaves out: {values}"), helm, || rendered::leaves_out(values, left_out)));
    }
    for (values, said) in refused::REFUSED {
        trials.push(trial(format!("refuses: {values}"), helm, || refused::refuses(values, said)));
    }
    for file in made::VALUES_IN_GIT {
        trials.push(trial(format!("takes: {file}"), helm, || made::takes(file)));
    }
    trials.extend([
        trial("refuses names that no Service can have", helm, refused::refuses_names),
        trial("refuses null for what cannot be missing", helm, refused::refuses_nulls),
        trial("all pairs of values render or are refused with a sentence", helm, combined::pairs),
        trial("a SpinApp expresses each value, or the value is refused", helm, combined::spin_app),
        trial("every value is set by a test and described", false, combined::every_value_is_tested),
        trial("is a dependency of another chart, with a condition and twice", helm, dependency::umbrella),
        trial("text that YAML reads as another type stays text", helm, names::stay_text),
        trial("names and labels have at most 63 characters", helm, names::are_short),
        trial("OpenShift gives the test its user, and has another port for DNS", helm, names::of_openshift),
        trial("old versions of Helm render the same", helm, versions::render_the_same),
        trial("Argo CD's project allows all kinds", helm, made::the_project_allows_all_kinds),
        trial("manifests/ are current", helm, made::manifests_are_current),
        trial("chart/README.md is current", false, made::readme_is_current),
        trial("checkov: what is rendered", helm || checkov, checkov::finds_nothing),
        trial("checkov: helm test", helm || checkov, checkov::finds_nothing_in_the_test),
        trial("checkov: manifests/", checkov, checkov::finds_nothing_in_manifests),
    ]);
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
