//! The Helm chart: what it renders, what it refuses, what is made from it, and what checkov finds in that. Needs the programs helm
//! and checkov; without them the cases that do are reported as ignored.

use std::{
    fs, io,
    path::Path,
    process::{Command, ExitCode},
};

use libtest_mimic::{Arguments, Failed, Trial};
use tempfile::TempDir;
use tests::{Exit, VERSION, is_missing, run_to_exit, workspace};

/// Sets of values that must render and lint, each with a piece of text that must then be there, where VERSION stands for what that file
/// says. Every value is in one of them.
const RENDERED: [(&str, &str); 48] = [
    ("runtime=native", "image: \"hello-native:VERSION\""),
    ("runtime=wasm", "image: \"hello-wasm:VERSION\""),
    ("runtime=spin", "runtimeClassName: wasmtime-spin-v2"),
    ("runtime=spin,spin.runtimeClassName=other", "runtimeClassName: other"),
    ("runtime=spin,spin.operator=true", "kind: SpinApp"),
    ("runtime=spin,spin.operator=true,spin.executor=other", "executor: other"),
    ("runtime=spin,spin.operator=true,message=$Hi", "- name: message\n      value: \"$$Hi\""),
    ("message=$Hi", "- name: HELLO_MESSAGE\n              value: \"$$Hi\""),
    ("color=teal", "- name: HELLO_COLOR\n              value: \"teal\""),
    ("replicaCount=3", "replicas: 3"),
    ("image.repository=me/hello-{{ .Values.runtime }},runtime=wasm", "image: \"me/hello-wasm:VERSION\""),
    ("image.tag=edge", "image: \"hello-native:edge\""),
    (
        "image.digest=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "image: \"hello-native@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"",
    ),
    ("image.pullPolicy=Never", "imagePullPolicy: Never"),
    ("image.pullSecrets[0].name=key", "imagePullSecrets:\n        - name: key"),
    ("service.type=ClusterIP", "type: ClusterIP"),
    ("service.port=8080", "port: 8080"),
    ("service.nodePort=30100", "nodePort: 30100"),
    ("drain.delaySeconds=7,drain.timeoutSeconds=8", "terminationGracePeriodSeconds: 20"),
    ("progressDeadlineSeconds=30", "progressDeadlineSeconds: 30"),
    ("resources.limits.memory=1Gi", "memory: 1Gi"),
    ("autoscaling.enabled=true,autoscaling.targetRequestsInFlight=20", "averageValue: \"20\""),
    ("autoscaling.enabled=true,autoscaling.targetCPUUtilizationPercentage=55", "averageUtilization: 55"),
    ("ingress.enabled=true,ingress.className=nginx", "ingressClassName: nginx"),
    ("ingress.enabled=true,ingress.annotations.a=b", "annotations:\n    a: b"),
    ("ingress.enabled=true,ingress.tls[0].secretName=key", "secretName: key"),
    ("httpRoute.enabled=true,httpRoute.parentRefs[0].name=gateway,httpRoute.hostnames[0]=a.example", "- a.example"),
    ("serviceAccount.create=false", "serviceAccountName: default"),
    (
        "extraEnv[0].name=HELLO_ALLOWED_OUTBOUND_HOSTS,extraEnv[0].value=a.example",
        "- name: HELLO_ALLOWED_OUTBOUND_HOSTS\n              value: a.example",
    ),
    ("nodeSelector.disk=ssd", "nodeSelector:\n        disk: ssd"),
    ("tolerations[0].key=spot", "tolerations:\n        - key: spot"),
    ("affinity.podAntiAffinity=null,affinity.nodeAffinity.a=b", "affinity:\n        nodeAffinity:"),
    ("topologySpread.enabled=true", "topologySpreadConstraints:"),
    ("podDisruptionBudget.enabled=true", "kind: PodDisruptionBudget"),
    ("networkPolicy.egress[0].ports[0].port=53", "egress:\n    - ports:\n      - port: 53"),
    ("serviceMonitor.enabled=true,serviceMonitor.labels.release=prometheus", "release: prometheus"),
    ("podMonitor.enabled=true,podMonitor.labels.release=prometheus", "release: prometheus"),
    ("scrapeAnnotations=true", "annotations:\n        prometheus.io/scrape: \"true\""),
    (
        "prometheusRule.enabled=true,prometheusRule.labels.release=prometheus,prometheusRule.availability=99.5",
        "> 14.4 * (1 - 99.5 / 100)",
    ),
    ("prometheusRule.enabled=true,prometheusRule.latency=90", "> 14.4 * (1 - 90 / 100)"),
    ("prometheusRule.enabled=true,prometheusRule.latencySeconds=0.5", "le=\"0.5\""),
    ("maxConnectionAgeSeconds=0", "name: HELLO_MAX_CONNECTION_AGE\n              value: 0s"),
    ("idleTimeoutSeconds=620", "name: HELLO_IDLE_TIMEOUT\n              value: 620s"),
    ("accessLog=0.5", "name: HELLO_ACCESS_LOG\n              value: \"0.5\""),
    (
        "traces.endpoint=http://collector:4318",
        "name: OTEL_EXPORTER_OTLP_ENDPOINT\n              value: \"http://collector:4318\"",
    ),
    ("traces.endpoint=http://a:4318,traces.share=0.01", "name: OTEL_TRACES_SAMPLER_ARG\n              value: \"0.01\""),
    ("dashboard.enabled=true,dashboard.labels.team=hello", "team: hello"),
    ("test.image=me/busybox", "image: \"me/busybox\""),
];

/// Sets of values that leave something out, each with the text that must not be there.
const LEFT_OUT: [(&str, &str); 3] = [
    ("podDisruptionBudget.enabled=false", "PodDisruptionBudget"),
    ("networkPolicy.enabled=false", "NetworkPolicy"),
    ("autoscaling.enabled=true", " replicas:"),
];

/// Sets of values that must be refused, each with what the refusal must say.
const REFUSED: [(&str, &str); 22] = [
    ("runtime=jvm", "must be one of 'native', 'wasm', 'spin'"),
    ("replicas=3", "'replicas' not allowed"),
    ("spin.operator=true", "set runtime to spin, or spin.operator to false"),
    ("autoscaling.enabled=true,autoscaling.minReplicas=6", "raise the one or lower the other"),
    ("service.type=ClusterIP,service.nodePort=30100", "set service.type to NodePort"),
    ("runtime=spin,serviceMonitor.enabled=true", "set serviceMonitor.enabled to false"),
    ("runtime=spin,scrapeAnnotations=true", "set scrapeAnnotations to false"),
    ("serviceMonitor.enabled=true,podMonitor.enabled=true", "set one of them to false"),
    ("prometheusRule.enabled=true,prometheusRule.availability=100.0", "/prometheusRule/availability"),
    ("prometheusRule.enabled=true,prometheusRule.latencySeconds=0.3", "/prometheusRule/latencySeconds"),
    ("accessLog=2", "/accessLog"),
    ("runtime=spin,maxConnectionAgeSeconds=5", "Spin keeps connections however old they are"),
    ("runtime=spin,idleTimeoutSeconds=620", "Spin has no such setting"),
    ("runtime=spin,accessLog=1", "Spin logs no requests"),
    ("traces.endpoint=https://collector:4318", "/traces/endpoint"),
    ("runtime=spin,spin.operator=true,traces.endpoint=http://a:4318", "in the SpinAppExecutor's deploymentConfig.otel"),
    ("runtime=spin,autoscaling.targetRequestsInFlight=5", "Spin does not count requests in flight"),
    ("httpRoute.enabled=true", "name it in httpRoute.parentRefs"),
    ("image.digest=sha256:abc", "/image/digest"),
    ("extraEnv[0].value=a", "/extraEnv/0"),
    ("runtime=spin,spin.operator=true,extraEnv[0].name=A", "extraEnv is set, and a SpinApp cannot express it"),
    ("runtime=spin,spin.operator=true,nodeSelector.a=b", "nodeSelector is set, and a SpinApp cannot express it"),
];

/// What can be turned on for every runtime.
const ALL: &str = "autoscaling.enabled=true,ingress.enabled=true,httpRoute.enabled=true,httpRoute.parentRefs[0].name=a,\
                   topologySpread.enabled=true,dashboard.enabled=true,traces.endpoint=http://a:4318";

/// Sets of values that checkov finds no fault with, each also with `ALL`.
const CHECKED: [&str; 5] = [
    "runtime=native",
    "runtime=native,serviceMonitor.enabled=true,prometheusRule.enabled=true",
    "runtime=wasm,podMonitor.enabled=true",
    "runtime=wasm",
    "runtime=spin",
];

/// What checkov asks for in vain of the pod of `helm test`: probes and a network policy, though it lives for seconds, serves nothing
/// and asks one question; and what `.checkov.yaml` argues.
const EXCEPTIONS_OF_THE_TEST: &str = "CKV_K8S_8,CKV_K8S_9,CKV2_K8S_6,CKV_K8S_11,CKV_K8S_15,CKV_K8S_43";

fn helm(arguments: &[&str], values: &str) -> Exit {
    let mut command = Command::new("helm");
    command.current_dir(workspace()).args(arguments).args(["--set", values]);
    run_to_exit(command)
}

fn renders(values: &str, contained: &str) -> Result<(), Failed> {
    let linted = helm(&["lint", "--strict", "chart"], values);
    linted.require(linted.succeeded())?;
    let rendered = helm(&["template", "hello", "chart"], values);
    Ok(rendered.require(rendered.succeeded() && rendered.output().contains(&contained.replace("VERSION", VERSION)))?)
}

fn leaves_out(values: &str, left_out: &str) -> Result<(), Failed> {
    let rendered = helm(&["template", "hello", "chart"], values);
    Ok(rendered.require(rendered.succeeded() && !rendered.output().contains(left_out))?)
}

fn refuses(values: &str, said: &str) -> Result<(), Failed> {
    let refused = helm(&["template", "hello", "chart"], values);
    Ok(refused.require(!refused.succeeded() && refused.output().contains(said))?)
}

/// What is deployed from Git.
const VALUES_IN_GIT: [&str; 3] =
    ["argocd/application/values.yaml", "canary/releases/stable.yaml", "canary/releases/canary.yaml"];

fn takes(file: &str) -> Result<(), Failed> {
    let linted = helm(&["lint", "--strict", "chart", "--values", file], "message=Hi");
    Ok(linted.require(linted.succeeded())?)
}

/// Whatever the values turn on, Argo CD may deploy it.
fn the_project_allows_all_kinds() -> Result<(), Failed> {
    let project = fs::read_to_string(workspace().join("argocd/project/project.yaml"))?;
    for (values, _) in RENDERED {
        let rendered = helm(&["template", "hello", "chart", "--skip-tests"], values);
        rendered.require(rendered.succeeded())?;
        for object in rendered.stdout.split("\n---\n") {
            let field = |name: &str| object.lines().find_map(|line| line.strip_prefix(name));
            let (Some(version), Some(kind)) = (field("apiVersion: "), field("kind: ")) else { continue };
            let group = version.split_once('/').map_or("\"\"", |(group, _)| group);
            let allowed = format!("    - {{ group: {group}, kind: {kind} }}\n");
            if !project.contains(&allowed) {
                return Err(format!("argocd/project/project.yaml lacks {allowed:?}, of {values}").into());
            }
        }
    }
    Ok(())
}

/// manifests/ is rendered, never edited.
fn manifests_are_current() -> Result<(), Failed> {
    let rendered = tempfile::tempdir()?;
    let mut render = Command::new("scripts/manifests.sh");
    render.current_dir(workspace()).arg(rendered.path());
    let exit = run_to_exit(render);
    exit.require(exit.succeeded())?;
    let mut diff = Command::new("diff");
    diff.current_dir(workspace()).args(["--recursive", "manifests"]).arg(rendered.path());
    let exit = run_to_exit(diff);
    if exit.succeeded() { Ok(()) } else { Err(format!("run `make manifests`: {}", exit.output()).into()) }
}

/// The table of values in the chart's README is made from the comments in values.yaml.
fn readme_is_current() -> Result<(), Failed> {
    let readme = fs::read_to_string(workspace().join("chart/README.md"))?;
    let copy = tempfile::NamedTempFile::new()?;
    fs::write(&copy, &readme)?;
    let mut write = Command::new("scripts/chart-readme.sh");
    write.current_dir(workspace()).arg(copy.path());
    let exit = run_to_exit(write);
    exit.require(exit.succeeded())?;
    if fs::read_to_string(&copy)? == readme { Ok(()) } else { Err("run `make manifests`".into()) }
}

fn checkov(folder: &Path, arguments: &[&str]) -> Result<(), Failed> {
    let mut command = Command::new("checkov");
    command
        .current_dir(workspace())
        .args(["--config-file", ".checkov.yaml"])
        .args(arguments)
        .arg("--directory")
        .arg(folder);
    let exit = run_to_exit(command);
    // Where it has read nothing, it does not count.
    Ok(exit.require(exit.succeeded() && exit.output().contains("Failed checks: 0"))?)
}

/// checkov reads none whose name begins with a dot, as those of `tempfile` do.
fn unhidden_folder() -> io::Result<TempDir> {
    tempfile::Builder::new().prefix("chart").tempdir()
}

fn checkov_finds_nothing() -> Result<(), Failed> {
    let folder = unhidden_folder()?;
    let sets = CHECKED.iter().flat_map(|values| [(*values).to_owned(), format!("{values},{ALL}")]);
    for (index, values) in sets.enumerate() {
        let rendered = helm(&["template", "hello", "chart", "--namespace", "hello", "--skip-tests"], &values);
        rendered.require(rendered.succeeded())?;
        fs::write(folder.path().join(format!("{index}.yaml")), rendered.stdout)?;
    }
    checkov(folder.path(), &[])
}

fn checkov_finds_nothing_in_the_test() -> Result<(), Failed> {
    let folder = unhidden_folder()?;
    let test =
        ["template", "hello", "chart", "--namespace", "hello", "--show-only", "templates/tests/test-connection.yaml"];
    let rendered = helm(&test, "runtime=native");
    rendered.require(rendered.succeeded())?;
    fs::write(folder.path().join("test.yaml"), rendered.stdout)?;
    checkov(folder.path(), &["--skip-check", EXCEPTIONS_OF_THE_TEST])
}

fn main() -> ExitCode {
    let (skipped, unchecked) = (is_missing("helm"), is_missing("checkov"));
    let rendered = RENDERED.map(|(values, contained)| {
        Trial::test(format!("renders: {values}"), move || renders(values, contained)).with_ignored_flag(skipped)
    });
    let left_out = LEFT_OUT.map(|(values, left_out)| {
        Trial::test(format!("leaves out: {values}"), move || leaves_out(values, left_out)).with_ignored_flag(skipped)
    });
    let refused = REFUSED.map(|(values, said)| {
        Trial::test(format!("refuses: {values}"), move || refuses(values, said)).with_ignored_flag(skipped)
    });
    let in_git =
        VALUES_IN_GIT.map(|file| Trial::test(format!("takes: {file}"), move || takes(file)).with_ignored_flag(skipped));
    let made = [
        Trial::test("Argo CD's project allows all kinds", the_project_allows_all_kinds).with_ignored_flag(skipped),
        Trial::test("manifests/ are current", manifests_are_current).with_ignored_flag(skipped),
        Trial::test("chart/README.md is current", readme_is_current),
    ];
    let checked = [
        Trial::test("checkov: what is rendered", checkov_finds_nothing).with_ignored_flag(skipped || unchecked),
        Trial::test("checkov: helm test", checkov_finds_nothing_in_the_test).with_ignored_flag(skipped || unchecked),
        Trial::test("checkov: manifests/", || checkov(&workspace().join("manifests"), &["--directory", "canary"]))
            .with_ignored_flag(unchecked),
    ];
    let trials = rendered.into_iter().chain(left_out).chain(refused).chain(in_git).chain(made).chain(checked).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
