//! Names and other texts: those that YAML would read as something else, and those that are too long.

use std::{fs, process::Command};

use libtest_mimic::Failed;
use tests::run_to_exit;

use crate::{dependency::copy_of_chart, helm::helm_with};

/// A number in YAML. `e2e` installs into namespaces that are called so, too.
const HOSTILE: &str = r#"
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
const OF_METRICS: &str = r#"
serviceMonitor: { enabled: true, labels: { a: "1e3" } }
prometheusRule: { enabled: true, labels: { a: "1e3" }, alertLabels: { a: "1e3" } }
"#;
const OF_SPIN: &str = "runtime: spin\nspin: { runtimeClassName: \"1e3\" }\n";
const OF_OPERATOR: &str = r#"
runtime: spin
message: "1e3"
env: [{ name: KEY, value: "1e3" }]
spin: { operator: true, executor: "1e3" }
"#;

pub(crate) fn stay_text() -> Result<(), Failed> {
    let of_wasm = format!("runtime: wasm\n{HOSTILE}{OF_METRICS}");
    let of_spin = format!("{OF_SPIN}{HOSTILE}");
    for values in [&of_wasm, &of_spin, OF_OPERATOR] {
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

/// Of a release with the longest name that Helm takes, and a version that CI makes of a branch's name.
pub(crate) fn are_short() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let chart = copy_of_chart(folder.path(), "hello")?;
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

/// If the cluster says that it is one.
pub(crate) fn of_openshift() -> Result<(), Failed> {
    let values = "traces: { endpoint: \"http://collector:4318\" }";
    let elsewhere = helm_with(&["template", "hello", "chart"], values);
    elsewhere
        .require(elsewhere.stdout.matches("runAsUser: 65532").count() == 1 && !elsewhere.stdout.contains("5353"))?;
    let there = helm_with(&["template", "hello", "chart", "--api-versions", "security.openshift.io/v1"], values);
    Ok(there.require(!there.stdout.contains("runAsUser") && there.stdout.contains("port: 5353"))?)
}
