//! The Helm chart: what it renders, what it refuses, and what is made from it. Needs the program helm; without it the cases that do
//! are reported as ignored.

use std::{
    fs,
    process::{Command, ExitCode},
};

use libtest_mimic::{Arguments, Failed, Trial};
use tests::{Exit, program, run_to_exit, workspace};

/// Sets of values that must render and lint, each with a piece of text that must then be there.
const RENDERED: [(&str, &str); 9] = [
    ("runtime=native", "hello-native:0.1.0"),
    ("runtime=wasm", "hello-wasm:0.1.0"),
    ("runtime=spin", "runtimeClassName: wasmtime-spin-v2"),
    ("runtime=spin,spin.operator=true", "kind: SpinApp"),
    ("autoscaling.enabled=true", "kind: HorizontalPodAutoscaler"),
    ("ingress.enabled=true", "kind: Ingress"),
    ("httpRoute.enabled=true,httpRoute.parentRefs[0].name=gateway", "kind: HTTPRoute"),
    ("serviceMonitor.enabled=true", "kind: ServiceMonitor"),
    ("service.nodePort=30100", "nodePort: 30100"),
];

/// Sets of values that must be refused, each with what the refusal must say.
const REFUSED: [(&str, &str); 9] = [
    ("runtime=jvm", "must be one of 'native', 'wasm', 'spin'"),
    ("replicas=3", "'replicas' not allowed"),
    ("spin.operator=true", "runtime"),
    ("autoscaling.enabled=true,autoscaling.minReplicas=6", "maxReplicas"),
    ("service.type=ClusterIP,service.nodePort=30100", "nodePort"),
    ("runtime=spin,serviceMonitor.enabled=true", "serviceMonitor"),
    ("httpRoute.enabled=true", "parentRefs"),
    ("image.digest=sha256:abc", "/image/digest"),
    ("runtime=spin,spin.operator=true,nodeSelector.a=b", "nodeSelector"),
];

fn helm(arguments: &[&str], values: &str) -> Exit {
    let mut command = Command::new("helm");
    command.current_dir(workspace()).args(arguments).args(["--set", values]);
    run_to_exit(command)
}

fn expect(condition: bool, exit: &Exit) -> Result<(), Failed> {
    if condition { Ok(()) } else { Err(exit.output().into()) }
}

fn renders(values: &str, contained: &str) -> Result<(), Failed> {
    let linted = helm(&["lint", "--strict", "chart"], values);
    expect(linted.succeeded(), &linted)?;
    let rendered = helm(&["template", "hello", "chart"], values);
    expect(rendered.succeeded() && rendered.output().contains(contained), &rendered)
}

fn refuses(values: &str, said: &str) -> Result<(), Failed> {
    let refused = helm(&["template", "hello", "chart"], values);
    expect(!refused.succeeded() && refused.output().contains(said), &refused)
}

/// manifests/ is rendered, never edited.
fn manifests_are_current() -> Result<(), Failed> {
    let rendered = tempfile::tempdir()?;
    let mut render = Command::new("scripts/manifests.sh");
    render.current_dir(workspace()).arg(rendered.path());
    let exit = run_to_exit(render);
    expect(exit.succeeded(), &exit)?;
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
    expect(exit.succeeded(), &exit)?;
    if fs::read_to_string(&copy)? == readme { Ok(()) } else { Err("run `make manifests`".into()) }
}

fn main() -> ExitCode {
    let skipped = program("helm").is_none();
    if skipped {
        eprintln!("skipped: helm, which is not on PATH");
    }
    let rendered = RENDERED.map(|(values, contained)| {
        Trial::test(format!("renders: {values}"), move || renders(values, contained)).with_ignored_flag(skipped)
    });
    let refused = REFUSED.map(|(values, said)| {
        Trial::test(format!("refuses: {values}"), move || refuses(values, said)).with_ignored_flag(skipped)
    });
    let made = [
        Trial::test("manifests/ are current", manifests_are_current).with_ignored_flag(skipped),
        Trial::test("chart/README.md is current", readme_is_current),
    ];
    let trials = rendered.into_iter().chain(refused).chain(made).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
