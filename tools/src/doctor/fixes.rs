//! Commands that fix a finding, for the kind of cluster that the context names.

use super::settings::{VERSION, default_value, spin_operator_version};

/// How to install the Spin shim on nodes.
pub(crate) const INSTALL_SHIM: &str = "install the Spin shim there, as https://www.spinkube.dev/docs/install says";

/// Commands for this cluster and this namespace.
pub(crate) struct Fixes {
    /// The namespace of the deployment.
    pub(crate) namespace: String,
    /// Starts the cluster.
    pub(crate) start: String,
    /// Builds images where the nodes find them.
    pub(crate) build_images: String,
    pub(crate) install_metrics: &'static str,
    pub(crate) install_runtime_class: String,
    pub(crate) install_executor: String,
}

impl Fixes {
    pub(crate) fn new(namespace: &str, context: &str) -> Self {
        let (start, build_images) = start_and_build(context);
        let spinkube =
            format!("https://github.com/spinframework/spin-operator/releases/download/{}", spin_operator_version());
        Fixes {
            namespace: namespace.to_owned(),
            start,
            build_images,
            install_metrics: match context {
                "minikube" => "minikube addons enable metrics-server",
                _ => {
                    "kubectl apply -f https://github.com/kubernetes-sigs/metrics-server/releases/latest/download/components.yaml"
                }
            },
            install_runtime_class: format!("kubectl apply -f {spinkube}/spin-operator.runtime-class.yaml"),
            install_executor: format!(
                "kubectl apply --namespace {namespace} -f {spinkube}/spin-operator.shim-executor.yaml"
            ),
        }
    }

    /// How to install both that `runtime=spin` needs.
    pub(crate) fn install_spin(&self) -> String {
        format!("{}, and {INSTALL_SHIM}", self.install_runtime_class)
    }
}

fn start_and_build(context: &str) -> (String, String) {
    if context == "minikube" {
        return ("minikube start".to_owned(), r#"eval "$(minikube docker-env)"; make images"#.to_owned());
    }
    if context == "hello-cluster" {
        let load = "make images; tests/cluster/cluster.sh load hello-native hello-wasm hello-spin";
        return ("make cluster".to_owned(), load.to_owned());
    }
    if let Some(name) = context.strip_prefix("kind-") {
        let load = format!("make images; kind load docker-image --name {name} hello-{{native,wasm,spin}}:{VERSION}");
        return (format!("kind create cluster --name {name}"), load);
    }
    (
        "start it, or choose another of `kubectl config get-contexts` by `kubectl config use-context NAME`".to_owned(),
        "push them to a registry that the nodes reach, and name them by --set image.repository".to_owned(),
    )
}

/// Returns the `RuntimeClass` that the chart names.
pub(crate) fn runtime_class() -> &'static str {
    default_value("runtimeClassName")
}

/// Returns the `SpinAppExecutor` that the chart names.
pub(crate) fn executor() -> &'static str {
    default_value("executor")
}
