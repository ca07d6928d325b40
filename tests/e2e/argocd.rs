//! argocd/, applied to a real Argo CD by the commands of its README.

use std::{
    collections::BTreeSet,
    fmt::{self, Display},
    fs,
    process::Command,
    time::Instant,
};

use serde_json::{Value, json};
use tests::{run_to_exit, workspace};

use crate::{
    cluster::{
        NODE_PORT, apply, get, kubectl, node_port, on_the_node, pods, remove_namespace, wait_for, wait_for_runtime,
        wait_until,
    },
    load::Load,
    measures::measure,
    repository::{Repository, notify},
    spin::RuntimeClass,
};

fn application(name: &str) -> Value {
    get("argocd", &format!("application/{name}"))
}

/// Message of a time-out: the expected state of an application, and its status.
struct Status<'a> {
    name: &'a str,
    expected: &'a str,
}

impl Display for Status<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}; its status is {}", self.name, self.expected, application(self.name)["status"])
    }
}

/// Waits until an application is in sync with the newest commit and healthy, and its smoke test has passed.
pub(crate) fn wait_until_synced_and_healthy(name: &str, repository: &Repository) {
    let revision = repository.git(&["rev-parse", "HEAD"]).trim().to_owned();
    wait_until(Status { name, expected: &format!("Synced and Healthy at {revision}") }, || {
        let status = application(name)["status"].take();
        let operation = &status["operationState"];
        let smoke = operation["syncResult"]["resources"].as_array().into_iter().flatten();
        status["sync"]["status"] == "Synced"
            && status["sync"]["revisions"]
                .as_array()
                .is_some_and(|all| all.iter().all(|of_source| *of_source == *revision))
            && status["health"]["status"] == "Healthy"
            && operation["phase"] == "Succeeded"
            && smoke.into_iter().any(|resource| {
                resource["name"].as_str().is_some_and(|name| name.ends_with("-smoke"))
                    && resource["hookPhase"] == "Succeeded"
            })
    });
}

pub(crate) fn commit_deploys_switches_and_repairs() {
    remove_namespace("hello");
    let repository = Repository::new();
    let _applied = repository.apply("argocd/application");
    wait_until_synced_and_healthy("hello", &repository);
    wait_for_runtime(NODE_PORT, "native");

    let load = Load::start(on_the_node(NODE_PORT));
    let committed = Instant::now();
    repository.follow("argocd/README.md", "Switch the runtime");
    wait_for_runtime(NODE_PORT, "wasi-0.3");
    measure("Argo CD: commit to first response", format!("{:.1} s", committed.elapsed().as_secs_f64()));
    wait_until_synced_and_healthy("hello", &repository);
    load.finish("a commit that switches the runtime");

    kubectl(&["scale", "deployment/hello", "--namespace", "hello", "--replicas=3"]);
    kubectl(&["delete", "poddisruptionbudget/hello", "--namespace", "hello"]);
    wait_until("manual changes are reverted", || {
        get("hello", "deployment/hello")["spec"]["replicas"] == 1
            && !get("hello", "poddisruptionbudget/hello").is_null()
    });

    // The number of pods of an autoscaler is not reverted.
    repository.commit_values("runtime: wasm\nautoscaling: { enabled: true, minReplicas: 2 }\n");
    wait_until_synced_and_healthy("hello", &repository);
    wait_until("the autoscaler's two pods", || {
        get("hello", "deployment/hello")["status"]["readyReplicas"] == 2 && pods("hello").len() == 2
    });
    let reconciled = application("hello")["status"]["reconciledAt"].clone();
    wait_for("Argo CD has reconciled again", || {
        let status = application("hello")["status"].take();
        (status["reconciledAt"] != reconciled).then(|| assert_eq!(status["sync"]["status"], "Synced"))
    });
    assert_eq!(get("hello", "deployment/hello")["spec"]["replicas"], 2);

    let load = Load::start(on_the_node(NODE_PORT));
    repository.commit_values("runtime: native\nimage: { tag: does-not-exist }\nprogressDeadlineSeconds: 20\n");
    wait_until("the application is Degraded", || application("hello")["status"]["health"]["status"] == "Degraded");
    let outcome = load.finish("a commit whose image does not exist");
    assert_eq!(outcome.succeeded.keys().collect::<Vec<_>>(), ["wasi-0.3"]);
    repository.follow("argocd/README.md", "Roll back");
    wait_until_synced_and_healthy("hello", &repository);
}

pub(crate) fn variants_side_by_side() {
    let _class = RuntimeClass::new("spin");
    let repository = Repository::new();
    let _applied = repository.apply("argocd/applicationset");
    for (name, runtime) in [("hello-native", "native"), ("hello-wasm", "wasi-0.3")] {
        wait_for("the application exists", || (!application(name).is_null()).then_some(()));
        wait_until_synced_and_healthy(name, &repository);
        wait_for_runtime(node_port(name), runtime);
    }
    wait_until("the pod for Spin is admitted", || pods("hello-spin").len() == 1);
    wait_until(Status { name: "hello-spin", expected: "Synced" }, || {
        application("hello-spin")["status"]["sync"]["status"] == "Synced"
    });
}

/// The API server keeps each kind of object as it is rendered, so that the application stays in sync.
pub(crate) fn all_kinds_by_server_side_apply() {
    remove_namespace("hello");
    let repository = Repository::new();
    let options = "syncOptions: [CreateNamespace=true";
    repository.replace("argocd/application/application.yaml", options, &format!("{options}, ServerSideApply=true"));
    let all = "runtime: wasm\nautoscaling: { enabled: true }\ningress: { enabled: true }\ndashboard: { enabled: true }\n\
               httpRoute: { enabled: true, parentRefs: [{ name: gateway }] }\nprometheusRule: { enabled: true }\n\
               traces: { endpoint: \"http://collector.monitoring:4318\" }\ntopologySpread: { enabled: true }\n";
    fs::write(
        repository.folder().join("argocd/application/values.yaml"),
        format!("{all}serviceMonitor: {{ enabled: true }}\n"),
    )
    .expect("values.yaml");
    repository.commit("All kinds");
    let _applied = repository.apply("argocd/application");
    // There are no controllers, so the test sets the statuses that these would set.
    for (object, status) in [
        ("ingress/hello", json!({ "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }] } })),
        ("httproute/hello", {
            let condition = |name| json!({ "type": name, "status": "True", "reason": name, "message": "", "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z" });
            json!({ "parents": [{
                "parentRef": { "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gateway" },
                "controllerName": "example.com/gateway",
                "conditions": [condition("Accepted"), condition("ResolvedRefs")],
            }] })
        }),
    ] {
        wait_until(format_args!("{object} exists"), || !get("hello", object).is_null());
        let patch = json!({ "status": status }).to_string();
        kubectl(&["patch", object, "--namespace", "hello", "--subresource=status", "--type=merge", "--patch", &patch]);
    }
    wait_until_synced_and_healthy("hello", &repository);
    repository.commit_values(&format!("{all}podMonitor: {{ enabled: true }}\n"));
    wait_until_synced_and_healthy("hello", &repository);
    let expected = "ConfigMap Deployment HTTPRoute HorizontalPodAutoscaler Ingress NetworkPolicy PodDisruptionBudget PodMonitor \
                    PrometheusRule Service ServiceAccount";
    assert_eq!(kinds().join(" "), expected);

    // Its pods do not meet the restricted policy of the namespace, so it does not become healthy, but it is in sync.
    repository.commit_values("runtime: spin\nspin: { operator: true }\nenv: [{ name: KEY, value: a }]\nmessage: Hi\n");
    wait_until(Status { name: "hello", expected: "Synced with a SpinApp" }, || {
        application("hello")["status"]["sync"]["status"] == "Synced" && kinds().contains(&"SpinApp".to_owned())
    });
}

/// Returns the kinds of the application's objects.
fn kinds() -> Vec<String> {
    let resources = application("hello")["status"]["resources"].take();
    let kinds = resources.as_array().expect("the status has resources").iter();
    let kinds: BTreeSet<_> =
        kinds.map(|resource| resource["kind"].as_str().expect("a resource has a kind").to_owned()).collect();
    kinds.into_iter().collect()
}

pub(crate) fn project_rejects_other_sources_destinations_and_kinds() {
    let repository = Repository::new();
    let _applied = repository.apply("argocd/application");
    wait_until_synced_and_healthy("hello", &repository);

    let foreign = "https://github.com/example/foreign.git";
    for (name, pointer, value, error) in [
        ("foreign-repository", "/spec/sources/0/repoURL", foreign, "foreign.git is not permitted in project 'hello'"),
        (
            "foreign-namespace",
            "/spec/destination/namespace",
            "kube-system",
            "do not match any of the allowed destinations",
        ),
    ] {
        let mut rejected = application("hello");
        rejected["metadata"] = json!({ "name": name, "namespace": "argocd" });
        rejected["status"].take();
        *rejected.pointer_mut(pointer).expect(pointer) = value.into();
        apply(&rejected);
        let condition = wait_for(Status { name, expected: "validated" }, || {
            let conditions = application(name)["status"]["conditions"].take();
            conditions.as_array()?.iter().find(|condition| condition["type"] == "InvalidSpecError").cloned()
        });
        assert!(condition["message"].as_str().is_some_and(|message| message.contains(error)), "{condition}");
    }

    // A kind that hello does not use, from the allowed repository.
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: { name: grab }\nrules: []\n";
    fs::write(repository.folder().join("chart/templates/role.yaml"), role).expect("role.yaml");
    repository.commit("A role");
    notify();
    wait_until(Status { name: "hello", expected: "without a Role" }, || {
        let operation = application("hello")["status"]["operationState"].take();
        let results = operation["syncResult"]["resources"].as_array().into_iter().flatten();
        let mut messages =
            results.filter(|result| result["kind"] == "Role").map(|result| result["message"].to_string());
        messages.any(|message| message.contains("not permitted in project hello"))
    });
    assert!(get("hello", "role/grab").is_null());
}

/// The health check runs in Argo CD's own program.
pub(crate) fn spin_app_is_healthy_when_its_pods_are() {
    // The command of the README.
    kubectl(&["patch", "configmap", "argocd-cm", "--namespace", "argocd", "--patch-file", "argocd/health.yaml"]);
    let conditions = |available: &str, progressing: &str| {
        json!([
            { "type": "Available", "status": available, "message": "availability" },
            { "type": "Progressing", "status": progressing, "message": "progress" },
        ])
    };
    for (status, health) in [
        (json!({ "readyReplicas": 2, "conditions": conditions("True", "True") }), "STATUS: Healthy"),
        (json!({ "readyReplicas": 1, "conditions": conditions("True", "True") }), "STATUS: Progressing"),
        (json!({ "readyReplicas": 0, "conditions": conditions("False", "True") }), "STATUS: Progressing"),
        (json!({ "readyReplicas": 2, "conditions": conditions("True", "False") }), "STATUS: Degraded"),
        (json!({}), "STATUS: Progressing"),
    ] {
        let app = json!({
            "apiVersion": "core.spinkube.dev/v1alpha1", "kind": "SpinApp", "metadata": { "name": "hello-spin" },
            "spec": { "replicas": 2 }, "status": status
        });
        let file = tempfile::Builder::new().suffix(".yaml").tempfile().expect("a temporary file");
        serde_json::to_writer(&file, &app).expect("the file is written");
        let mut health_check = Command::new("argocd");
        health_check.args(["admin", "settings", "resource-overrides", "health"]).arg(file.path());
        health_check.arg("--argocd-cm-path").arg(workspace().join("argocd/health.yaml"));
        let checked = run_to_exit(health_check);
        assert!(checked.succeeded() && checked.stdout.contains(health), "{app}: {}", checked.output());
    }
}
