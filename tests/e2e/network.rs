//! Whom the pods may reach, and who may reach them: the chart's `NetworkPolicy`, as kube-router enforces it.

use crate::cluster::{NODE_PORT, Namespace, get, kubectl, pods, try_get, wait_for_runtime, wait_until};

/// What a pod is asked for, by its port.
const HTTP: &str = "8080/healthz";
const ADMIN: &str = "9090/livez";

pub(crate) fn what_the_policy_forbids_is_refused() {
    let neighbours = Namespace::new("neighbours");
    let hello = Namespace::new("hello");
    // The image of the shell has no user of its own but root.
    let user = "podSecurityContext.runAsUser=65532";
    let monitoring = Namespace::new("monitoring");
    for namespace in [&neighbours, &monitoring] {
        namespace.deploy(&format!("networkPolicy.enabled=false,service.type=ClusterIP,{user}"));
    }
    hello.deploy(&format!("networkPolicy.enabled=false,{user}"));
    let (ours, neighbour, monitor) = (Pod::of("hello"), Pod::of("neighbours"), Pod::of("monitoring"));
    kubectl(&["expose", "deployment", "hello", "--namespace=hello", "--name=admin", "--type=NodePort", "--port=9090"]);
    let exposed = get("hello", "service/admin")["spec"]["ports"][0]["nodePort"].as_u64();
    let exposed = u16::try_from(exposed.expect("a port on the node")).expect("a port");
    let admin_is_open = || try_get(exposed, "/livez").is_some();

    // Without the policy all is open: what is refused below, it refuses.
    wait_until("an answer of the admin port, outside", admin_is_open);
    wait_until("a neighbour's answers", || ours.reaches(&neighbour, HTTP) && ours.reaches(&neighbour, ADMIN));

    hello.deploy(&format!("networkPolicy.enabled=true,{user}"));
    wait_until("the pod to reach no neighbour", || !ours.reaches(&neighbour, HTTP));
    assert!(!ours.reaches(&neighbour, ADMIN), "the pod reaches the admin port of a neighbour");
    assert!(!admin_is_open(), "the admin port answers outside the cluster");
    assert!(monitor.reaches(&ours, ADMIN), "the admin port does not respond to the namespace monitoring");
    assert!(!neighbour.reaches(&ours, ADMIN), "the admin port responds to any namespace");
    assert!(neighbour.reaches(&ours, HTTP), "the HTTP port does not respond inside the cluster");
    wait_for_runtime(NODE_PORT, "native");

    hello.deploy(&format!("networkPolicy.ingressFrom[0].namespaceSelector.matchLabels.a=b,{user}"));
    wait_until("a neighbour to be refused", || !neighbour.reaches(&ours, HTTP));

    hello.deploy(&format!("networkPolicy.egress[0].ports[0].port=8080,{user}"));
    wait_until("the pod to reach what it may", || ours.reaches(&neighbour, HTTP));
    assert!(!ours.reaches(&neighbour, ADMIN), "the pod reaches more than it may");
    assert!(!admin_is_open(), "the admin port answers outside the cluster, once the pod may reach something");

    // The same, from the hosts that the handler may send requests to.
    hello.deploy(&format!("allowedOutboundHosts[0]=http://neighbours.example:8080,{user}"));
    let ours = Pod::of("hello");
    wait_until("the pod to reach the port of a host", || ours.reaches(&neighbour, HTTP));
    assert!(!ours.reaches(&neighbour, ADMIN), "the pod reaches more than the port of a host");
}

/// The pod of a release, with a shell beside its program: in the same network, under the same policy.
struct Pod {
    namespace: &'static str,
    name: String,
    address: String,
}

impl Pod {
    fn of(namespace: &'static str) -> Self {
        let name = pods(namespace).swap_remove(0);
        kubectl(&[
            "debug",
            &name,
            "--namespace",
            namespace,
            "--container=shell",
            "--image=docker.io/library/busybox:1.37",
            "--profile=restricted",
            "--",
            "sh",
            "-c",
            "trap exit TERM; sleep infinity & wait",
        ]);
        let pod = format!("pod/{name}");
        let runs = "--for=jsonpath={.status.ephemeralContainerStatuses[0].state.running}";
        kubectl(&["wait", runs, &pod, "--namespace", namespace, "--timeout=50s"]);
        let address = get(namespace, &pod)["status"]["podIP"].as_str().expect("an address").to_owned();
        Pod { namespace, name, address }
    }

    /// Whether it gets an answer from another.
    fn reaches(&self, other: &Pod, what: &str) -> bool {
        let ask = format!("timeout 2 wget -q -O /dev/null http://{}:{what} && echo yes || echo no", other.address);
        let said =
            kubectl(&["exec", &self.name, "--namespace", self.namespace, "--container=shell", "--", "sh", "-c", &ask]);
        match said.trim() {
            "yes" => true,
            "no" => false,
            other => panic!("{ask}: {other}"),
        }
    }
}
