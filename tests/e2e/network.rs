//! The chart's `NetworkPolicy`, which kube-router enforces: connections to and from the pods.

use crate::cluster::{NODE_PORT, Namespace, get, kubectl, pods, try_get, wait_for_runtime, wait_until};

/// Port and path of the service and of the admin port.
const HTTP: &str = "8080/healthz";
const ADMIN: &str = "9090/livez";

pub(crate) fn network_policy_blocks_other_connections() {
    let neighbours = Namespace::new("neighbours");
    let hello = Namespace::new("hello");
    // The image of the shell has only the user root.
    let user = "podSecurityContext.runAsUser=65532";
    let monitoring = Namespace::new("monitoring");
    for namespace in [&neighbours, &monitoring] {
        namespace.deploy(&format!("networkPolicy.enabled=false,service.type=ClusterIP,{user}"));
    }
    hello.deploy(&format!("networkPolicy.enabled=false,{user}"));
    let (ours, neighbour, monitor) = (Pod::of("hello"), Pod::of("neighbours"), Pod::of("monitoring"));
    kubectl(&["expose", "deployment", "hello", "--namespace=hello", "--name=admin", "--type=NodePort", "--port=9090"]);
    let exposed = get("hello", "service/admin")["spec"]["ports"][0]["nodePort"].as_u64();
    let exposed = u16::try_from(exposed.expect("the Service has a node port")).expect("the port is valid");
    let admin_is_open = || try_get(exposed, "/livez").is_some();

    // Without the policy all connections are open, so the policy blocks those below.
    wait_until("the admin port responds outside of the cluster", admin_is_open);
    wait_until("a neighbour responds", || ours.reaches(&neighbour, HTTP) && ours.reaches(&neighbour, ADMIN));

    hello.deploy(&format!("networkPolicy.enabled=true,{user}"));
    wait_until("the pod reaches no neighbour", || !ours.reaches(&neighbour, HTTP));
    assert!(!ours.reaches(&neighbour, ADMIN), "the pod reaches the admin port of a neighbour");
    assert!(!admin_is_open(), "the admin port responds outside of the cluster");
    assert!(monitor.reaches(&ours, ADMIN), "the admin port does not respond to the namespace monitoring");
    assert!(!neighbour.reaches(&ours, ADMIN), "the admin port responds to any namespace");
    assert!(neighbour.reaches(&ours, HTTP), "the HTTP port does not respond inside the cluster");
    wait_for_runtime(NODE_PORT, "native");

    hello.deploy(&format!("networkPolicy.ingressFrom[0].namespaceSelector.matchLabels.a=b,{user}"));
    wait_until("a neighbour is blocked", || !neighbour.reaches(&ours, HTTP));

    hello.deploy(&format!("networkPolicy.egress[0].ports[0].port=8080,{user}"));
    wait_until("the pod reaches the allowed port", || ours.reaches(&neighbour, HTTP));
    assert!(!ours.reaches(&neighbour, ADMIN), "the pod reaches another port");
    assert!(!admin_is_open(), "the admin port responds outside of the cluster after the policy allows egress");

    // The hosts for outbound requests allow the same port.
    hello.deploy(&format!("allowedOutboundHosts[0]=http://neighbours.example:8080,{user}"));
    let ours = Pod::of("hello");
    wait_until("the pod reaches the port of a host", || ours.reaches(&neighbour, HTTP));
    assert!(!ours.reaches(&neighbour, ADMIN), "the pod reaches another port than that of the host");
}

/// The pod of a release with a debug container, which has a shell and the network of the pod.
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
        let address = get(namespace, &pod)["status"]["podIP"].as_str().expect("the pod has an address").to_owned();
        Pod { namespace, name, address }
    }

    /// Whether a request to another pod succeeds.
    fn reaches(&self, other: &Pod, target: &str) -> bool {
        let request =
            format!("timeout 2 wget -q -O /dev/null http://{}:{target} && echo yes || echo no", other.address);
        let output = kubectl(&[
            "exec",
            &self.name,
            "--namespace",
            self.namespace,
            "--container=shell",
            "--",
            "sh",
            "-c",
            &request,
        ]);
        match output.trim() {
            "yes" => true,
            "no" => false,
            other => panic!("{request}: {other}"),
        }
    }
}
