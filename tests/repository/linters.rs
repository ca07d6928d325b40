//! Workflows, scripts and configuration of the repository, checked by linters and by rules of our own.

use std::{
    fs,
    process::{Command, ExitCode},
};

use libtest_mimic::Failed;
use tests::{Missing, git_files, run_to_exit, run_trials, trial, workspace};

/// Program, arguments, and files of each linter. Without files it reads the whole repository.
const LINTERS: [(&str, &[&str], &[&str]); 6] = [
    ("actionlint", &[], &[".github/workflows/*"]),
    ("zizmor", &["--offline", "--quiet", "--no-progress"], &[".github/workflows/*"]),
    ("shellcheck", &[], &["*.sh", ".ci/run"]),
    // Strings of several lines do not follow the indentation of the code.
    ("editorconfig-checker", &["-disable-indent-size"], &[]),
    ("check-jsonschema", &["--builtin-schema", "vendor.renovate"], &[".github/renovate.json"]),
    ("check-jsonschema", &["--builtin-schema", "vendor.github-issue-forms"], &[".github/ISSUE_TEMPLATE/*.yml"]),
];

fn linter_passes(program: &str, arguments: &[&str], patterns: &[&str]) -> Result<(), Failed> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(workspace());
    if !patterns.is_empty() {
        let files = git_files(patterns);
        assert!(!files.is_empty(), "no file matches {patterns:?}");
        command.args(files);
    }
    let exit = run_to_exit(command);
    Ok(exit.require(exit.succeeded())?)
}

/// A tag can be moved to other code, a commit cannot.
fn actions_are_pinned_by_commit() -> Result<(), Failed> {
    let mut actions = 0;
    for file in git_files(&[".github/workflows/*"]) {
        let workflow = fs::read_to_string(workspace().join(&file))?;
        for action in workflow.lines().filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix("uses: ")) {
            let commit = action.split_once('@').and_then(|(_, pin)| pin.split_once(" # v")).map(|(commit, _)| commit);
            let is_commit = |commit: &str| commit.len() == 40 && commit.bytes().all(|digit| digit.is_ascii_hexdigit());
            if !commit.is_some_and(is_commit) {
                return Err(format!("{file}: pin {action} by a commit, with the version as a comment").into());
            }
            actions += 1;
        }
    }
    assert!(actions > 0);
    Ok(())
}

/// Cargo.toml has the version. The tag of the base image must be the same, and workflows must install the version of
/// Cargo.toml, or nightly.
fn rust_version_is_the_same_in_each_file() -> Result<(), Failed> {
    let read = |file: &str| fs::read_to_string(workspace().join(file));
    let manifest = read("Cargo.toml")?;
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"'));
    let version = version.ok_or("Cargo.toml has no rust-version")?;
    let dockerfile = read("Dockerfile")?;
    if !dockerfile.contains(&format!("FROM rust:{version}-")) {
        return Err(format!("Dockerfile does not build with Rust {version}, which Cargo.toml has").into());
    }
    let mut installs = 0;
    for file in git_files(&[".github/workflows/*"]) {
        let workflow = read(&file)?;
        for line in
            workflow.lines().filter(|line| line.contains("rustup toolchain install") && !line.contains(" nightly "))
        {
            if !line.ends_with(" \"$rust\"") || !workflow.contains("^rust-version = ") {
                return Err(format!("{file}: {line} does not install the version of Cargo.toml").into());
            }
            installs += 1;
        }
    }
    assert!(installs > 0);
    Ok(())
}

/// The versions of the throwaway cluster are the tested ones.
fn docs_name_the_tested_versions() {
    let read = |file: &str| fs::read_to_string(workspace().join(file)).expect(file);
    let pinned = |file: &str, before: &str| {
        let text = read(&format!("tests/cluster/{file}"));
        let version = text.split(before).nth(1).unwrap_or_else(|| panic!("{file} does not pin {before}"));
        version.split_whitespace().next().expect("a version follows").to_owned()
    };
    let argocd = pinned("argocd/go.mod", "github.com/argoproj/argo-cd/v3 v");
    for guide in ["README.md", "argocd/README.md"] {
        assert!(read(guide).contains(&format!("argo-cd/v{argocd}/manifests/install.yaml")), "{guide}");
    }
    let rollouts = pinned("argo-rollouts/go.mod", "github.com/argoproj/argo-rollouts v");
    let canary = read("docs/CANARY.md");
    assert!(canary.contains(&format!("argo-rollouts/releases/download/v{rollouts}/install.yaml")), "docs/CANARY.md");
    let runtimes = read("docs/RUNTIMES.md");
    for (name, version) in [
        ("Argo CD", argocd),
        ("Argo Rollouts", rollouts),
        ("Kubernetes", pinned("kubernetes/go.mod", "\tk8s.io/kubernetes v")),
        ("Spin operator", pinned("spin-operator/go.mod", "github.com/spinkube/spin-operator v")),
        ("prometheus-adapter", pinned("prometheus-adapter/go.mod", "\tsigs.k8s.io/prometheus-adapter v")),
        ("Helm", pinned("programs.sh", "helm.sh/helm/v4/cmd/helm@v")),
        ("OpenTelemetry Collector", pinned("../infra/collector/builder.yaml", "\n  version: ")),
        ("kube-router", pinned("programs.sh", "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router@v")),
        ("metrics-server", pinned("programs.sh", "sigs.k8s.io/metrics-server/cmd/metrics-server@v")),
    ] {
        assert!(runtimes.contains(&format!("{name} {version}")), "docs/RUNTIMES.md does not name {name} {version}");
    }
}

/// docs/SECURITY.md names the test of each promise, as `target::function`.
fn docs_name_existing_tests() -> Result<(), Failed> {
    let security = fs::read_to_string(workspace().join("docs/SECURITY.md"))?;
    let manifest = fs::read_to_string(workspace().join("tests/Cargo.toml"))?;
    let names: Vec<_> = security.split('`').filter_map(|code| code.split_once("::")).collect();
    assert!(!names.is_empty());
    for (target, test) in names {
        let path = manifest.split_once(&format!("name = \"{target}\"\npath = \""));
        let path = path.and_then(|(_, rest)| rest.split('"').next()).map(|path| format!("tests/{path}"));
        let files = match &path {
            Some(path) => git_files(&[path.trim_end_matches("main.rs")]),
            // A unit test, whose module is named instead of a target.
            None => git_files(&[&format!("hello*/src/{target}.rs"), &format!("hello*/src/**/{target}.rs")]),
        };
        let function = format!("fn {test}(");
        let has_test =
            |file: &String| fs::read_to_string(workspace().join(file)).is_ok_and(|text| text.contains(&function));
        if !files.iter().any(has_test) {
            return Err(format!("docs/SECURITY.md names {target}::{test}, which is not a test").into());
        }
    }
    Ok(())
}

/// Returns whether a command closes its input before the end.
fn closes_early(command: &str) -> bool {
    let mut words = command.split_whitespace();
    match words.next() {
        Some("head") => true,
        Some("grep") => words.any(|word| word == "--quiet" || word.starts_with("-q")),
        _ => false,
    }
}

/// A program that writes into a closed pipe is ended by SIGPIPE, and with `pipefail` the script ends, too. This depends on how much
/// the program prints and when, so a script can pass many times before it fails.
fn scripts_read_pipes_to_the_end() -> Result<(), Failed> {
    let mut pipes = 0;
    for file in git_files(&["*.sh", ".ci/run", "Makefile", ".github/workflows/*"]) {
        for (number, line) in (1..).zip(fs::read_to_string(workspace().join(&file))?.lines()) {
            for command in line.split(" | ").skip(1) {
                pipes += 1;
                if closes_early(command) {
                    let fix = "use `sed -n 1p` or [[ … == … ]]";
                    return Err(format!("{file}:{number}: `{command}` closes the pipe too early; {fix}").into());
                }
            }
        }
    }
    assert!(pipes > 0);
    Ok(())
}

fn main() -> ExitCode {
    let mut trials = vec![
        trial("actions are pinned by commit", None, actions_are_pinned_by_commit),
        trial("the version of Rust is the same in each file", None, rust_version_is_the_same_in_each_file),
        trial("the docs name the tested versions", None, || {
            docs_name_the_tested_versions();
            Ok(())
        }),
        trial("the docs name existing tests", None, docs_name_existing_tests),
        trial("scripts read pipes to the end", None, scripts_read_pipes_to_the_end),
    ];
    for (program, arguments, patterns) in LINTERS {
        let name = [&[program], arguments, patterns].concat().join(" ");
        trials.push(trial(name, Missing::programs(&[program]), move || linter_passes(program, arguments, patterns)));
    }
    run_trials(trials)
}
