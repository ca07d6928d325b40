//! The images and the chart on a real Kubernetes, as its users would deploy them: every answer comes from a pod through a node port.
//!
//! `make e2e` gives it a cluster. The cases share that cluster, so they run one after another; each begins and ends with nothing of
//! ours deployed.

mod argocd;
mod autoscaling;
mod canary;
mod cluster;
mod disruption;
mod doctor;
mod guides;
mod images;
mod install;
mod load;
mod manifests;
mod measures;
mod monitoring;
mod network;
mod spin;
mod traces;
mod values;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use tests::is_missing;

const CASES: &[(&str, fn())] = &[
    ("images are small, and run as nobody", images::are_small_and_run_as_nobody),
    ("install: README.md from top to bottom", install::from_top_to_bottom),
    ("install: what cannot work is refused", install::what_cannot_work_is_refused),
    ("install: the namespace is restricted", install::the_namespace_is_restricted),
    ("network: what the policy forbids is refused", network::what_the_policy_forbids_is_refused),
    ("disruption: the runtime is switched and rolled back", disruption::the_runtime_is_switched_and_rolled_back),
    ("disruption: rolling restart", disruption::rolling_restart),
    ("disruption: a pod is deleted", disruption::a_pod_is_deleted),
    ("disruption: the node is drained", disruption::the_node_is_drained),
    ("manifests: kubectl apply -k", manifests::are_applied_one_after_another),
    ("manifests: kubectl apply and Helm refuse each other", manifests::and_helm_refuse_each_other),
    ("values: all pairs are accepted", values::all_pairs_are_accepted),
    ("values: namespaces that YAML reads as another type", values::namespaces_that_yaml_reads_as_another_type),
    ("values: names that no Service can have", values::names_that_no_service_can_have),
    ("values: one file serves each runtime", values::one_file_serves_each_runtime),
    ("values: Helm 3.17", values::helm_3_17),
    ("values: Helm 4.1", values::helm_4_1),
    ("values: the SpinApp has the fields", values::the_spin_app_has_the_fields),
    ("autoscaling: load scales it up and back", autoscaling::load_scales_it_up_and_back),
    ("autoscaling: requests in flight scale it up", autoscaling::requests_in_flight_scale_it_up),
    ("monitoring: Prometheus sees both runtimes", monitoring::prometheus_sees_both_runtimes),
    ("traces: the Collector takes the spans", traces::the_collector_takes_the_spans_of_both_runtimes),
    ("spin: the image is what the shim reads", spin::the_image_is_what_the_shim_reads),
    ("spin: the Deployment is accepted", spin::the_deployment_is_accepted),
    ("spin: the operator takes the SpinApp", spin::the_operator_takes_the_spin_app),
    ("doctor: nothing wrong, and then a setting", doctor::finds_nothing_wrong_and_then_a_wrong_setting),
    ("doctor: an absent image, an autoscaler", doctor::finds_an_absent_image_and_an_autoscaler_without_metrics),
    ("doctor: what breaks a pod", doctor::finds_what_breaks_a_pod),
    ("doctor: what keeps a container from starting", doctor::finds_what_keeps_a_container_from_starting),
    ("doctor: why kubectl does not work", doctor::says_why_kubectl_does_not_work),
    ("doctor: what Spin lacks", doctor::finds_what_spin_lacks),
    ("argocd: a commit deploys, switches and repairs", argocd::a_commit_deploys_switches_and_repairs),
    ("argocd: variants side by side", argocd::variants_side_by_side),
    ("argocd: server-side apply of all kinds", argocd::all_kinds_by_server_side_apply),
    ("argocd: what the project does not allow is refused", argocd::what_the_project_does_not_allow_is_refused),
    ("argocd: a SpinApp is healthy when its pods are", argocd::a_spin_app_is_healthy_when_its_pods_are),
    ("canary: Argo Rollouts aborts and promotes", canary::argo_rollouts_aborts_and_promotes),
    ("canary: two releases share the connections", canary::two_releases_share_the_connections),
    // CI makes dist/ while the others run.
    ("images: the programs of dist/", images::have_the_programs_of_dist),
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    if !arguments.list {
        cluster::assert_ours();
        cluster::load_images();
    }
    let trials = CASES.iter().map(|&(name, case)| {
        let old_helm = name.strip_prefix("values: Helm ");
        let is_ignored = old_helm.is_some_and(|version| is_missing(&format!("helm-{version}")));
        let trial = Trial::test(name, move || {
            case();
            Ok(())
        });
        trial.with_ignored_flag(is_ignored)
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    measures::print();
    conclusion.exit_code()
}
