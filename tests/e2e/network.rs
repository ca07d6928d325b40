//! Whom the pods may reach, and who may reach them: the NetworkPolicy as kube-router enforces it.

use serde_json::{Value, json};

use crate::cluster::{Namespace, apply, get, kubectl, wait_until};

/// What makes a pod one of the release's to its NetworkPolicy.
const OURS: &str = "app.kubernetes.io/name=hello,app.kubernetes.io/instance=hello";

pub(crate) fn the_pods_are_reached_and_reach_nothing() {
    let hello = Namespace::new("hello");
    hello.deploy("runtime=native");
    let address =
        kubectl(&["get", "pods", "--namespace", "hello", "--selector", OURS, "--output", "jsonpath={..podIP}"]);
    let http = format!("http://{address}:8080/healthz");

    let neighbour = json!({});
    Asking::start("http", &neighbour, &format!("until {}", wget(&http))).ends();
    Asking::start("admin", &neighbour, &format!("until {}", wget(&format!("http://{address}:9090/livez")))).ends();

    // What may be asked by its neighbours, may not be asked by one of its own. A policy is there a moment after the pod.
    let ours = json!({ "app.kubernetes.io/name": "hello", "app.kubernetes.io/instance": "hello" });
    Asking::start("refused", &ours, &format!("while {}", wget(&http))).ends();
    let allowed = Asking::start("allowed", &ours, &format!("until {}", wget(&http)));
    hello.deploy("runtime=native,networkPolicy.egress[0].ports[0].port=8080");
    allowed.ends();
}

fn wget(url: &str) -> String {
    format!("timeout 2 wget -q -O /dev/null {url}")
}

/// A pod that asks until it has the answer that it waits for. It is in no Service, as it is never ready.
struct Asking(&'static str);

impl Asking {
    fn start(name: &'static str, labels: &Value, until: &str) -> Self {
        apply(&json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "name": name, "namespace": "hello", "labels": labels },
            "spec": {
                "restartPolicy": "Never",
                "containers": [{
                    "name": "ask",
                    "image": "docker.io/library/busybox:1.37",
                    "command": ["sh", "-c", format!("{until}; do sleep 0.2; done")],
                    "readinessProbe": { "exec": { "command": ["sh", "-c", "exit 1"] } },
                    "securityContext": {
                        "runAsNonRoot": true,
                        "runAsUser": 65534,
                        "allowPrivilegeEscalation": false,
                        "capabilities": { "drop": ["ALL"] },
                        "seccompProfile": { "type": "RuntimeDefault" },
                    },
                }],
            },
        }));
        Asking(name)
    }

    fn ends(self) {
        let pod = format!("pod/{}", self.0);
        wait_until(format_args!("the answer that {} waits for", self.0), || {
            get("hello", &pod)["status"]["phase"] == "Succeeded"
        });
    }
}
