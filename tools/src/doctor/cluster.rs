//! The cluster: its version, nodes and images, and what it lacks for each runtime.

use std::collections::BTreeSet;

use super::{
    fixes::Fixes,
    kubectl::{self, condition, fields, read, read_each},
    operators,
    report::Report,
    settings::{VERSION, default_value, kubernetes_version},
};

/// Result for a cluster: missing requirements, in a few words each.
pub(crate) struct Cluster {
    /// Missing for every runtime.
    missing: Vec<String>,
    /// Missing for `runtime=spin` only.
    missing_for_spin: Vec<String>,
    /// The images of this version on nodes.
    images: String,
    can_list_nodes: bool,
}

impl Cluster {
    pub(crate) fn new<'a>(missing: impl Iterator<Item = &'a str>) -> Self {
        Cluster {
            missing: missing.map(ToOwned::to_owned).collect(),
            missing_for_spin: Vec::new(),
            images: String::new(),
            can_list_nodes: true,
        }
    }

    /// Adds a missing requirement of every runtime.
    pub(crate) fn lacks(&mut self, what: &str) {
        self.missing.push(what.to_owned());
    }

    /// Adds a missing requirement of `runtime=spin`.
    pub(crate) fn lacks_for_spin(&mut self, what: &str) {
        self.missing_for_spin.push(what.to_owned());
    }

    /// Examines a cluster. Returns whether it responds.
    pub(crate) fn examine(&mut self, report: &Report, context: &str, fixes: &Fixes) -> bool {
        let version = match kubectl::server_version() {
            Ok(version) => version,
            Err(printed) => {
                no_response(report, context, &printed, fixes);
                self.lacks("a cluster that answers");
                return false;
            }
        };
        let required = kubernetes_version();
        if is_at_least(&version, required) {
            report.ok("Kubernetes", &format!("{version}, context {context}"));
        } else {
            let fix = "minikube start --kubernetes-version=stable";
            report.bad(
                "Kubernetes",
                &format!("{version} is too old for the chart, which needs {required} or newer: {fix}"),
            );
            self.lacks(&format!("Kubernetes {required}"));
        }
        self.examine_nodes(report);
        self.examine_images(report, fixes);
        operators::examine_runtime_class(self, report, fixes);
        operators::examine_operators(report, fixes);
        operators::examine_metrics_server(report, fixes);
        self.examine_node_port(report);
        true
    }

    fn examine_nodes(&mut self, report: &Report) {
        let path = format!(
            "{{.metadata.name}}|{}|{{.spec.unschedulable}}|\
             {{.status.nodeInfo.architecture}}|{{.status.nodeInfo.containerRuntimeVersion}}",
            condition("Ready", "status")
        );
        let nodes = read_each(&path, &["nodes"]);
        let mut is_any_ready = false;
        for line in nodes.text.lines() {
            let [name, ready, unschedulable, architecture, runtime] = fields(line);
            let subject = format!("node {name}");
            match (ready, unschedulable) {
                ("True", "") => {
                    report.ok(&subject, &format!("{architecture}, {runtime}"));
                    is_any_ready = true;
                }
                ("True", _) => report.bad(&subject, &format!("accepts no pods: kubectl uncordon {name}")),
                _ => report.bad(&subject, &format!("is not ready: kubectl describe node {name} shows the reason")),
            }
        }
        if !is_any_ready && nodes.is_forbidden() {
            report.invisible("nodes");
            self.can_list_nodes = false;
        } else if !is_any_ready {
            self.lacks("a node that is ready");
        }
    }

    fn examine_images(&mut self, report: &Report, fixes: &Fixes) {
        // A node lists its fifty largest images at most.
        let nodes = read("{.items[*].status.images[*].names}", &["nodes"]);
        self.images = images_of_this_version(&nodes.text);
        if !self.images.is_empty() {
            report.ok("images", &format!("on nodes: {}", self.images));
        } else if nodes.is_forbidden() {
            report.invisible("images");
        } else {
            report.optional("images", &format!("none in the lists of the nodes: {}", fixes.build_images));
        }
    }

    fn examine_node_port(&mut self, report: &Report) {
        let port = default_value("nodePort");
        let path = r"{.metadata.labels.app\.kubernetes\.io/name}|{.metadata.namespace}/{.metadata.name}|{.spec.ports[*].nodePort}";
        let services = read_each(path, &["services", "--all-namespaces"]);
        let owner = services.text.lines().map(fields).find(|[_, _, ports]| ports.split(' ').any(|used| used == port));
        match owner {
            None if services.is_forbidden() => report.invisible("NodePort"),
            None => report.ok("NodePort", &format!("{port} is free")),
            Some(["hello", service, _]) => report.ok("NodePort", &format!("{port} is that of {service}")),
            Some([_, service, _]) => {
                let fix = "--set service.nodePort=0 picks a free one";
                report.bad("NodePort", &format!("{port} is taken by service {service}: {fix}"));
                self.lacks(&format!("NodePort {port}"));
            }
        }
    }

    /// Prints for each runtime how to deploy it, or what is missing.
    pub(crate) fn summarize(&self, report: &Report, namespace: &str) {
        for runtime in ["native", "wasm", "spin"] {
            let mut missing = self.missing.clone();
            if runtime == "spin" {
                missing.extend_from_slice(&self.missing_for_spin);
            }
            if self.can_list_nodes && !self.images.contains(&format!("hello-{runtime}:")) {
                missing.push("its image on a node".to_owned());
            }
            let subject = format!("{runtime} in the cluster");
            let deploy = format!("helm upgrade --install hello chart --namespace {namespace}");
            if !missing.is_empty() {
                report.optional(&subject, &format!("missing: {}", missing.join(", ")));
            } else if self.can_list_nodes {
                report.ok(&subject, &format!("works: {deploy} --create-namespace --set runtime={runtime}"));
            } else {
                let state = "nothing that you may see is missing";
                report.optional(&subject, &format!("{state}: {deploy} --set runtime={runtime}"));
            }
        }
    }
}

/// Reports why a cluster does not respond, by what kubectl printed.
fn no_response(report: &Report, context: &str, printed: &str, fixes: &Fixes) {
    let mut lines = printed.lines();
    let is_reason = |line: &&str| {
        let line = line.to_lowercase();
        ["error", "executable", "unable", "refused"].iter().any(|word| line.contains(word))
    };
    let reason = lines.clone().find(is_reason).or_else(|| lines.next_back()).unwrap_or_default();
    let reason = reason.strip_prefix("error: ").unwrap_or(reason);
    if printed.contains("Please enter Username") {
        let fix = format!("kubectl config set-context {context} --user=NAME; kubectl config view lists the users");
        report.bad("Kubernetes", &format!("context {context} has no user with credentials: {fix}"));
    } else if printed.contains("executable") && printed.contains("not found") {
        report.bad(
            "Kubernetes",
            &format!("context {context} needs a program to log in, which is not installed ({reason}): install it"),
        );
    } else {
        report.optional("Kubernetes", &format!("{context} does not respond ({reason}): {}", fixes.start));
    }
}

/// Returns the names of our images with the version that is built here, sorted.
fn images_of_this_version(names: &str) -> String {
    let images = names.match_indices("hello-").filter_map(|(start, _)| {
        let (image, tag) = names[start..].split_once(':')?;
        let is_name = image.bytes().all(|letter| letter.is_ascii_lowercase() || letter == b'-');
        (is_name && tag.starts_with(VERSION)).then(|| format!("{image}:{VERSION}"))
    });
    images.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
}

/// Compares versions by their numbers.
fn is_at_least(version: &str, required: &str) -> bool {
    let numbers = |version: &str| -> Vec<u32> {
        version.split(|letter: char| !letter.is_ascii_digit()).map_while(|part| part.parse().ok()).collect()
    };
    numbers(version) >= numbers(required)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_other_versions_are_ignored() {
        let image = |tag: &str| format!(r#""docker.io/library/hello-native:{tag}","#);
        let names = format!("[{}{}{}]", image(VERSION), image("0.0.0"), image(&format!("{VERSION}-abc")));
        assert_eq!(images_of_this_version(&names), format!("hello-native:{VERSION}"));
    }

    #[test]
    fn versions_are_compared_by_number() {
        assert!(is_at_least("1.34.4", "1.30.0"));
        assert!(is_at_least("1.30.0+k3s1", "1.30.0"));
        assert!(!is_at_least("1.9.0", "1.30.0"));
    }
}
