//! Names and other texts that YAML would parse as a number, or that are too long.

use std::{fs, process::Command};

use libtest_mimic::Failed;
use tests::run_to_exit;

use crate::{dependency::copy_chart, helm::helm_with};

/// Texts that look like a number in YAML. The `e2e` tests have namespaces with such names.
const NUMERIC: &str = r#"
message: "1e3"
nameOverride: "1e3"
fullnameOverride: hello
commonLabels: { a: "1e3" }
podLabels: { a: "1e3" }
podAnnotations: { a: "1e3" }
env: [{ name: KEY, value: "1e3" }]
extraEnv: [{ name: OTHER, value: "1e3" }]
service: { type: LoadBalancer, annotations: { a: "1e3" }, labels: { a: "1e3" }, loadBalancerClass: "1e3" }
serviceAccount: { name: "1e3", annotations: { a: "1e3" } }
image: { tag: "1e3", pullSecrets: [{ name: "1e3" }] }
nodeSelector: { a: "1e3" }
priorityClassName: "1e3"
ingress: { enabled: true, className: "1e3", annotations: { a: "1e3" }, hosts: [{ host: "1e3" }], tls: [{ secretName: "1e3" }] }
httpRoute: { enabled: true, annotations: { a: "1e3" }, parentRefs: [{ name: "1e3" }], hostnames: ["1e3"] }
dashboard: { enabled: true, namespace: "1e3", labels: { a: "1e3" } }
traces: { endpoint: "http://1e3:4318" }
"#;
const NUMERIC_OF_METRICS: &str = r#"
serviceMonitor: { enabled: true, labels: { a: "1e3" } }
prometheusRule: { enabled: true, labels: { a: "1e3" }, alertLabels: { a: "1e3" } }
"#;
const NUMERIC_OF_SPIN: &str = "runtime: spin\nspin: { runtimeClassName: \"1e3\" }\n";
const NUMERIC_OF_SPIN_OPERATOR: &str = r#"
runtime: spin
message: "1e3"
env: [{ name: KEY, value: "1e3" }]
spin: { operator: true, executor: "1e3" }
"#;

pub(crate) fn text_stays_text() -> Result<(), Failed> {
    let wasm = format!("runtime: wasm\n{NUMERIC}{NUMERIC_OF_METRICS}");
    let spin = format!("{NUMERIC_OF_SPIN}{NUMERIC}");
    for values in [&wasm, &spin, NUMERIC_OF_SPIN_OPERATOR] {
        let rendered = helm_with(&["template", "hello", "chart", "--namespace", "1e3"], values);
        rendered.require(rendered.succeeded() && rendered.stdout.contains("\"1e3\""))?;
        let is_number = |line: &&str| line.ends_with(": 1e3") || line.ends_with("- 1e3");
        let numbers: Vec<_> = rendered.stdout.lines().filter(is_number).collect();
        if !numbers.is_empty() {
            return Err(format!("numbers instead of text: {numbers:?}").into());
        }
    }
    Ok(())
}

/// With the longest name of a release, and a version that contains the name of a branch.
pub(crate) fn names_have_at_most_63_characters() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let chart = copy_chart(folder.path(), "hello")?;
    let file = chart.join("Chart.yaml");
    let long = format!("version: 0.1.0-feature-{}-x", "a".repeat(32));
    fs::write(
        &file,
        fs::read_to_string(&file)?
            .replace("version: 0.1.0", &long)
            .replace("appVersion: 0.1.0-", "appVersion: 0.1.0 # "),
    )?;
    let name = format!("{}-b", "a".repeat(51));
    for values in [
        "runtime=wasm",
        "runtime=spin,spin.operator=true",
        "nameOverride=b2345678-b2345678-b2345678-b2345678-b2345678-b2345678-b23456-x",
    ] {
        let mut command = Command::new("helm");
        command.arg("template").arg(&name).arg(&chart);
        let all = "dashboard.enabled=true,test.argoCD=true,autoscaling.enabled=true";
        command.args(["--set", values, "--set", all]);
        let rendered = run_to_exit(command);
        rendered.require(rendered.succeeded())?;
        let mut count = 0;
        for line in rendered.stdout.lines() {
            let Some((key, value)) = line.trim().split_once(": ") else { continue };
            let is_checked = ["name", "helm.sh/chart"].contains(&key) || key.starts_with("app.kubernetes.io/");
            let value = value.trim_matches('"');
            if is_checked && !value.starts_with("HELLO_") {
                count += 1;
                assert!(
                    value.len() <= 63 && value.ends_with(|last: char| last.is_ascii_alphanumeric()),
                    "{values}: {line}"
                );
            }
        }
        assert!(count > 30, "{values}: {count} names");
    }
    Ok(())
}

/// The chart detects `OpenShift` by an API version of the cluster.
pub(crate) fn renders_for_openshift() -> Result<(), Failed> {
    let values = "traces: { endpoint: \"http://collector:4318\" }";
    let kubernetes = helm_with(&["template", "hello", "chart"], values);
    kubernetes
        .require(kubernetes.stdout.matches("runAsUser: 65532").count() == 1 && !kubernetes.stdout.contains("5353"))?;
    let openshift = helm_with(&["template", "hello", "chart", "--api-versions", "security.openshift.io/v1"], values);
    Ok(openshift.require(!openshift.stdout.contains("runAsUser") && openshift.stdout.contains("port: 5353"))?)
}
