//! The images and the chart on a real Kubernetes, deployed as users do it: each response comes from a pod through a node port.
//!
//! `make e2e` starts the cluster. The cases run one after another, and each starts and ends without a deployment of hello.

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
mod repository;
mod spin;
mod traces;
mod values;

use std::process::ExitCode;

use libtest_mimic::Arguments;
use tests::{Missing, trial};

const CASES: &[(&str, fn())] = &[
    ("images are small and do not run as root", images::images_are_small_and_do_not_run_as_root),
    ("install: the commands of README.md in order", install::commands_of_the_readme_succeed_in_order),
    ("install: invalid values are rejected", install::invalid_values_are_rejected),
    ("install: the namespace is restricted", install::namespace_is_restricted),
    ("network: the policy blocks other connections", network::network_policy_blocks_other_connections),
    ("disruption: switch and rollback of the runtime", disruption::switch_and_rollback_of_the_runtime_lose_no_request),
    ("disruption: rolling restart, native", || disruption::rolling_restart_loses_no_request("native")),
    ("disruption: rolling restart, wasm", || disruption::rolling_restart_loses_no_request("wasm")),
    ("disruption: deletion of a pod, native", || disruption::deletion_of_a_pod_loses_no_request("native")),
    ("disruption: deletion of a pod, wasm", || disruption::deletion_of_a_pod_loses_no_request("wasm")),
    ("disruption: drain of the node, native", || disruption::drain_of_the_node_loses_no_request("native")),
    ("disruption: drain of the node, wasm", || disruption::drain_of_the_node_loses_no_request("wasm")),
    ("manifests: kubectl apply -k", manifests::manifests_are_applied_one_after_another),
    ("manifests: kubectl apply and Helm exclude each other", manifests::helm_and_kubectl_apply_exclude_each_other),
    ("values: objects of all pairs are accepted", values::objects_of_all_pairs_are_accepted),
    ("values: namespaces that look like numbers in YAML", values::namespaces_may_look_like_numbers_in_yaml),
    ("values: names of no Service are rejected", values::names_of_no_service_are_rejected),
    ("values: one file serves each runtime", values::one_file_of_values_serves_each_runtime),
    ("values: a SpinApp has each field of the chart", values::spin_app_has_each_field_of_the_chart),
    ("autoscaling: CPU load scales up and down", autoscaling::cpu_load_scales_up_and_down),
    ("autoscaling: requests in flight scale up", autoscaling::requests_in_flight_scale_up),
    ("monitoring: Prometheus scrapes both runtimes", monitoring::prometheus_scrapes_both_runtimes),
    ("traces: the Collector receives the spans", traces::collector_receives_the_spans_of_both_runtimes),
    ("spin: the image has the application of the shim", spin::image_has_the_application_of_the_shim),
    ("spin: the Deployment is accepted", spin::deployment_is_accepted),
    ("spin: the operator creates the pods of a SpinApp", spin::operator_creates_the_pods_of_a_spin_app),
    ("doctor: no problem, then an invalid setting", doctor::reports_no_problem_then_an_invalid_setting),
    (
        "doctor: a missing image, an autoscaler without metrics",
        doctor::reports_a_missing_image_and_an_autoscaler_without_metrics,
    ),
    ("doctor: what breaks a pod", doctor::reports_what_breaks_a_pod),
    ("doctor: what keeps a container from starting", doctor::reports_what_keeps_a_container_from_starting),
    ("doctor: invalid configurations of kubectl", doctor::reports_an_invalid_configuration_of_kubectl),
    ("doctor: what Spin lacks", doctor::reports_what_spin_lacks),
    ("argocd: a commit deploys, switches and repairs", argocd::commit_deploys_switches_and_repairs),
    ("argocd: variants side by side", argocd::variants_side_by_side),
    ("argocd: server-side apply of all kinds", argocd::all_kinds_by_server_side_apply),
    (
        "argocd: the project rejects other sources, destinations and kinds",
        argocd::project_rejects_other_sources_destinations_and_kinds,
    ),
    ("argocd: a SpinApp is healthy when its pods are", argocd::spin_app_is_healthy_when_its_pods_are),
    ("canary: Argo Rollouts aborts and promotes", canary::argo_rollouts_aborts_and_promotes),
    ("canary: two releases share the connections", canary::two_releases_share_the_connections),
    // The last case, as CI builds dist/ while the others run.
    ("images: the programs of dist/", images::images_have_the_programs_of_dist),
];

/// Older versions of Helm, from tests/infra/node-tools.sh.
const OLD_HELM: [&str; 2] = ["helm-3.17", "helm-4.1"];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    if !arguments.list {
        cluster::assert_throwaway_cluster();
        cluster::load_images();
    }
    let old_helm = OLD_HELM.map(|program| {
        trial(format!("values: {program}"), Missing::programs(&[program]), move || {
            values::old_helm_manages_a_release(program);
            Ok(())
        })
    });
    let cases = CASES.iter().map(|&(name, case)| {
        trial(name, None, move || {
            case();
            Ok(())
        })
    });
    let conclusion = libtest_mimic::run(&arguments, old_helm.into_iter().chain(cases).collect());
    measures::print();
    conclusion.exit_code()
}
