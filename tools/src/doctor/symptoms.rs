//! Known failures of deployments, by what Kubernetes, containerd or the program reported. docs/TROUBLESHOOTING.md lists them.

use super::{
    fixes::{Fixes, INSTALL_SHIM, runtime_class},
    kubectl::read,
    report::Report,
};

/// A message about a pod or a deployment.
pub(crate) struct Symptom<'a> {
    pub(crate) message: &'a str,
    /// The image of the pod.
    pub(crate) image: &'a str,
    /// The node of the pod.
    pub(crate) node: &'a str,
}

impl Symptom<'_> {
    /// Reports the cause and the fix, and below them the message.
    pub(crate) fn report(&self, report: &Report, subject: &str, fixes: &Fixes) {
        let explanation = self.of_the_runtime(fixes).or_else(|| self.of_the_container(fixes));
        report.bad(subject, &explanation.unwrap_or_else(|| "no fix for this is known here".to_owned()));
        report.quote(self.message);
    }

    fn contains(&self, text: &str) -> bool {
        self.message.contains(text)
    }

    /// Explains why the cluster cannot run pods of this runtime.
    fn of_the_runtime(&self, fixes: &Fixes) -> Option<String> {
        let (class, node) = (runtime_class(), self.node);
        if self.contains("no runtime for") || self.contains("containerd-shim-spin") {
            return Some(format!(
                "its node, {node}, has no Spin shim, by which RuntimeClass {class} runs it: \
                 {INSTALL_SHIM}; or --set runtime=wasm, which needs none"
            ));
        }
        if self.message.split_once("RuntimeClass").is_some_and(|(_, rest)| rest.contains("not found")) {
            let install = fixes.install_spin();
            return Some(format!("its RuntimeClass is not there: {install}; or --set runtime=wasm, which needs none"));
        }
        if self.contains("violates PodSecurity") {
            return Some(format!(
                "the namespace admits no such pod: \
                 kubectl label namespace {} pod-security.kubernetes.io/enforce=baseline --overwrite",
                fixes.namespace
            ));
        }
        if self.contains("no match for platform") || self.contains("exec format error") {
            let architecture = read("{.status.nodeInfo.architecture}", &["node", node]).text;
            return Some(format!(
                "{} is for another processor than the node's, {architecture}: \
                 build it on such a machine, or where the node runs: {}",
                self.image, fixes.build_images
            ));
        }
        None
    }

    /// Explains why a container does not start or does not stay up.
    fn of_the_container(&self, fixes: &Fixes) -> Option<String> {
        let (image, namespace) = (self.image, &fixes.namespace);
        let starts_with = |reasons: &[&str]| reasons.iter().any(|reason| self.message.starts_with(reason));
        let explanation = if starts_with(&["InvalidImageName"]) {
            format!(
                "{image} is no name of an image: \
                 correct image.repository and image.tag; both are in small letters, the tag after a colon"
            )
        } else if self.contains("runAsNonRoot") {
            format!(
                "{image} would run as root: \
                 --set podSecurityContext.runAsUser=65532, or an image with a user of its own"
            )
        } else if starts_with(&["CreateContainerConfigError"]) {
            "a ConfigMap or Secret that env, extraEnv or envFrom names is not there, or lacks the key: \
             create it, or correct the name"
                .to_owned()
        } else if starts_with(&["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull"]) {
            if image.contains('/') {
                format!(
                    "{image} cannot be pulled: push it, or correct image.repository, image.tag or image.pullSecrets"
                )
            } else {
                let (node, build) = (self.node, &fixes.build_images);
                format!("{image} is not on the node, {node}, as it was not built where that runs: {build}")
            }
        } else if self.contains("OOMKilled") {
            "it took more memory than it may: --set resources.limits.memory=512Mi".to_owned()
        } else if self.contains("exit code 64") {
            format!("a setting is wrong: helm get values hello --namespace {namespace}, correct it, and helm upgrade")
        } else if self.contains("CrashLoopBackOff") || self.contains("probe failed") {
            format!(
                "its log has the reason: \
                 kubectl logs --namespace {namespace} --selector app.kubernetes.io/name=hello --tail=20 --previous"
            )
        } else if self.contains("nodes are available") {
            "no node has room for it, or the labels that it asks for: kubectl describe nodes".to_owned()
        } else if self.contains("is not ready yet") {
            "it may be starting; look again in a moment".to_owned()
        } else {
            return None;
        };
        Some(explanation)
    }
}
