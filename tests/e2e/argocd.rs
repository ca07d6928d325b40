//! argocd/, applied as its README says, to a real Argo CD: what is in Git is what answers.

use std::{
    collections::BTreeSet,
    fmt::{self, Display},
    fs,
    path::PathBuf,
    process::Command,
    time::Instant,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{run_to_exit, workspace};

use crate::{
    cluster::{
        NODE_PORT, apply, get, kubectl, node_port, on_the_node, pods, remove_namespace, try_kubectl, wait_for,
        wait_for_runtime, wait_until,
    },
    guides::{follow, follow_but},
    load::Load,
    measures::measure,
    spin::RuntimeClass,
};

/// A clone of this repository with a history of its own, and the bare one that it pushes to and that is deployed from.
pub(crate) struct Repository(TempDir);

impl Repository {
    pub(crate) fn new() -> Self {
        let repository = Repository(TempDir::new().expect("a folder"));
        let mut copy = Command::new("cp");
        fs::create_dir(repository.folder()).expect("a folder");
        copy.arg("-r")
            .args(["chart", "argocd", "canary", "manifests", "README.md"].map(|folder| workspace().join(folder)))
            .arg(repository.folder());
        assert!(run_to_exit(copy).succeeded());
        // As the README has it: one value makes it one's own.
        let origin = repository.0.path().join("origin").display().to_string();
        let url = format!("file://{origin}");
        repository.replace("argocd/project/repository.yaml", "https://github.com/example/hello.git", &url);
        repository.git(&["init", "--quiet", "--bare", "--initial-branch=main", &origin]);
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        for (key, value) in
            [("user.name", "test"), ("user.email", "test@example.com"), ("push.autoSetupRemote", "true")]
        {
            repository.git(&["config", key, value]);
        }
        repository.git(&["remote", "add", "origin", &origin]);
        repository.commit("As it is");
        repository
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("clone")
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.current_dir(self.folder()).args(arguments);
        let exit = run_to_exit(git);
        assert!(exit.succeeded(), "git {}: {}", arguments.join(" "), exit.output());
        exit.stdout
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
        self.git(&["push", "--quiet"]);
    }

    fn replace(&self, file: &str, old: &str, new: &str) {
        let path = self.folder().join(file);
        let text = fs::read_to_string(&path).expect(file);
        assert!(text.contains(old), "{file} has no {old}");
        fs::write(path, text.replace(old, new)).expect(file);
    }

    /// Commits and pushes by the commands of a guide.
    pub(crate) fn follow(&self, guide: &str, heading: &str) {
        follow(&self.folder(), guide, heading);
        notify();
    }

    /// The same without the lines that begin so.
    pub(crate) fn follow_but(&self, guide: &str, heading: &str, without: &[&str]) {
        follow_but(&self.folder(), guide, heading, without);
    }

    /// Commits other values for the application.
    fn commit_values(&self, values: &str) {
        fs::write(self.folder().join("argocd/application/values.yaml"), values).expect("values.yaml");
        self.commit(values);
        notify();
    }

    /// What this folder deploys is removed when the result is dropped.
    pub(crate) fn removed_at_the_end(&self, folder: &str) -> Applied {
        Applied(self.folder().join(folder).display().to_string())
    }

    /// Applies a folder; what it deploys is removed when the result is dropped.
    pub(crate) fn apply(&self, folder: &str) -> Applied {
        let applied = self.removed_at_the_end(folder);
        kubectl(&["apply", "-k", &applied.0]);
        applied
    }
}

pub(crate) struct Applied(String);

impl Drop for Applied {
    fn drop(&mut self) {
        _ = try_kubectl(&["delete", "-k", &self.0, "--wait=false"]);
        _ = try_kubectl(&["delete", "applications", "--all", "--namespace", "argocd", "--wait=false"]);
        // A sync that waits for what cannot become healthy would go first, for minutes.
        let applications = try_kubectl(&["get", "applications", "--namespace", "argocd", "--output", "name"]);
        for application in applications.stdout.lines() {
            let terminate = r#"{"status":{"operationState":{"phase":"Terminating"}}}"#;
            _ = try_kubectl(&["patch", application, "--namespace", "argocd", "--type=merge", "--patch", terminate]);
        }
        // Argo CD lets go of an application when all that it deployed has ended.
        for _ in 0..3 {
            _ = try_kubectl(&[
                "wait",
                "--for=delete",
                "applications",
                "--all",
                "--namespace",
                "argocd",
                "--timeout=50s",
            ]);
        }
        // The next case's project would go with this one's, were that still on its way out.
        _ = try_kubectl(&["wait", "--for=delete", "appproject/hello", "--namespace", "argocd", "--timeout=50s"]);
        for namespace in ["hello", "hello-native", "hello-wasm", "hello-spin"] {
            remove_namespace(namespace);
        }
    }
}

/// Tells Argo CD that there is a commit, as a webhook of the Git server does; it asks by itself only now and then.
fn notify() {
    let refresh = "argocd.argoproj.io/refresh=normal";
    kubectl(&["annotate", "application/hello", "--namespace", "argocd", "--overwrite", refresh]);
}

fn application(name: &str) -> Value {
    get("argocd", &format!("application/{name}"))
}

/// For a message: what was wanted, and what is.
struct Status<'a> {
    name: &'a str,
    wanted: &'a str,
}

impl Display for Status<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}; it is {}", self.name, self.wanted, application(self.name)["status"])
    }
}

/// Waits until an application is in sync with the newest commit and healthy, and its smoke test has passed.
pub(crate) fn wait_until_synced_and_healthy(name: &str, repository: &Repository) {
    let revision = repository.git(&["rev-parse", "HEAD"]).trim().to_owned();
    wait_until(Status { name, wanted: &format!("Synced and Healthy at {revision}") }, || {
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

pub(crate) fn a_commit_deploys_switches_and_repairs() {
    remove_namespace("hello");
    let repository = Repository::new();
    let _applied = repository.apply("argocd/application");
    wait_until_synced_and_healthy("hello", &repository);
    wait_for_runtime(NODE_PORT, "native");

    let load = Load::start(on_the_node(NODE_PORT));
    let committed = Instant::now();
    repository.follow("argocd/README.md", "Switch the runtime");
    wait_for_runtime(NODE_PORT, "wasi-0.3");
    measure("Argo CD: commit to first answer", format!("{:.1} s", committed.elapsed().as_secs_f64()));
    wait_until_synced_and_healthy("hello", &repository);
    load.finish("a commit that switches the runtime");

    kubectl(&["scale", "deployment/hello", "--namespace", "hello", "--replicas=3"]);
    kubectl(&["delete", "poddisruptionbudget/hello", "--namespace", "hello"]);
    wait_until("what was changed by hand is healed", || {
        get("hello", "deployment/hello")["spec"]["replicas"] == 1
            && !get("hello", "poddisruptionbudget/hello").is_null()
    });

    // An autoscaler's number of pods is no such change.
    repository.commit_values("runtime: wasm\nautoscaling: { enabled: true, minReplicas: 2 }\n");
    wait_until_synced_and_healthy("hello", &repository);
    wait_until("the autoscaler's two pods", || {
        get("hello", "deployment/hello")["status"]["readyReplicas"] == 2 && pods("hello").len() == 2
    });
    let reconciled = application("hello")["status"]["reconciledAt"].clone();
    wait_for("Argo CD has looked again", || {
        let status = application("hello")["status"].take();
        (status["reconciledAt"] != reconciled).then(|| assert_eq!(status["sync"]["status"], "Synced"))
    });
    assert_eq!(get("hello", "deployment/hello")["spec"]["replicas"], 2);

    let load = Load::start(on_the_node(NODE_PORT));
    repository.commit_values("runtime: native\nimage: { tag: does-not-exist }\nprogressDeadlineSeconds: 20\n");
    wait_until("the application is Degraded", || application("hello")["status"]["health"]["status"] == "Degraded");
    let outcome = load.finish("a commit whose image does not exist");
    assert_eq!(outcome.answered.keys().collect::<Vec<_>>(), ["wasi-0.3"]);
    repository.follow("argocd/README.md", "Roll back");
    wait_until_synced_and_healthy("hello", &repository);
}

pub(crate) fn variants_side_by_side() {
    let _class = RuntimeClass::new("spin");
    let repository = Repository::new();
    let _applied = repository.apply("argocd/applicationset");
    for (name, answering) in [("hello-native", "native"), ("hello-wasm", "wasi-0.3")] {
        wait_for("the application is there", || (!application(name).is_null()).then_some(()));
        wait_until_synced_and_healthy(name, &repository);
        wait_for_runtime(node_port(name), answering);
    }
    wait_until("the pod for Spin is admitted", || pods("hello-spin").len() == 1);
    wait_until(Status { name: "hello-spin", wanted: "Synced" }, || {
        application("hello-spin")["status"]["sync"]["status"] == "Synced"
    });
}

/// What is rendered is what the API server keeps: nothing drifts, with each kind that the chart makes.
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
    // Their controllers are not here: what those would say of them.
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
        wait_until(format_args!("{object} is there"), || !get("hello", object).is_null());
        let patch = json!({ "status": status }).to_string();
        kubectl(&["patch", object, "--namespace", "hello", "--subresource=status", "--type=merge", "--patch", &patch]);
    }
    wait_until_synced_and_healthy("hello", &repository);
    repository.commit_values(&format!("{all}podMonitor: {{ enabled: true }}\n"));
    wait_until_synced_and_healthy("hello", &repository);
    let expected = "ConfigMap Deployment HTTPRoute HorizontalPodAutoscaler Ingress NetworkPolicy PodDisruptionBudget PodMonitor \
                    PrometheusRule Service ServiceAccount";
    assert_eq!(kinds().join(" "), expected);

    // Its pods are not restricted, so that it does not become healthy here; but it is in the cluster as it is in Git.
    repository.commit_values("runtime: spin\nspin: { operator: true }\nenv: [{ name: KEY, value: a }]\nmessage: Hi\n");
    wait_until(Status { name: "hello", wanted: "Synced with a SpinApp" }, || {
        application("hello")["status"]["sync"]["status"] == "Synced" && kinds().contains(&"SpinApp".to_owned())
    });
}

/// The kinds of objects that the application has.
fn kinds() -> Vec<String> {
    let resources = application("hello")["status"]["resources"].take();
    let kinds = resources.as_array().expect("resources").iter();
    let kinds: BTreeSet<_> = kinds.map(|resource| resource["kind"].as_str().expect("a kind").to_owned()).collect();
    kinds.into_iter().collect()
}

pub(crate) fn what_the_project_does_not_allow_is_refused() {
    let repository = Repository::new();
    let _applied = repository.apply("argocd/application");
    wait_until_synced_and_healthy("hello", &repository);

    let foreign = "https://github.com/example/foreign.git";
    for (name, pointer, value, said) in [
        ("foreign-repository", "/spec/sources/0/repoURL", foreign, "foreign.git is not permitted in project 'hello'"),
        (
            "foreign-namespace",
            "/spec/destination/namespace",
            "kube-system",
            "do not match any of the allowed destinations",
        ),
    ] {
        let mut refused = application("hello");
        refused["metadata"] = json!({ "name": name, "namespace": "argocd" });
        refused["status"].take();
        *refused.pointer_mut(pointer).expect(pointer) = value.into();
        apply(&refused);
        let condition = wait_for(Status { name, wanted: "judged" }, || {
            let conditions = application(name)["status"]["conditions"].take();
            conditions.as_array()?.iter().find(|condition| condition["type"] == "InvalidSpecError").cloned()
        });
        assert!(condition["message"].as_str().is_some_and(|message| message.contains(said)), "{condition}");
    }

    // A kind that hello does not use, from the right repository.
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: { name: grab }\nrules: []\n";
    fs::write(repository.folder().join("chart/templates/role.yaml"), role).expect("role.yaml");
    repository.commit("A role");
    notify();
    wait_until(Status { name: "hello", wanted: "refused a Role" }, || {
        let operation = application("hello")["status"]["operationState"].take();
        let results = operation["syncResult"]["resources"].as_array().into_iter().flatten();
        let mut messages =
            results.filter(|result| result["kind"] == "Role").map(|result| result["message"].to_string());
        messages.any(|message| message.contains("not permitted in project hello"))
    });
    assert!(get("hello", "role/grab").is_null());
}

/// Judged by Argo CD's own program, as its controller would.
pub(crate) fn a_spin_app_is_healthy_when_its_pods_are() {
    // As the README has it.
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
        let file = tempfile::Builder::new().suffix(".yaml").tempfile().expect("a file");
        serde_json::to_writer(&file, &app).expect("it is written");
        let mut judge = Command::new("argocd");
        judge.args(["admin", "settings", "resource-overrides", "health"]).arg(file.path());
        judge.arg("--argocd-cm-path").arg(workspace().join("argocd/health.yaml"));
        let judged = run_to_exit(judge);
        assert!(judged.succeeded() && judged.stdout.contains(health), "{app}: {}", judged.output());
    }
}
