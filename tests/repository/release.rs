//! A release: `make release` in a copy of this repository, and scripts/publish.sh with fake programs for pushing and
//! signing.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Command, ExitCode},
};

use libtest_mimic::Failed;
use tempfile::TempDir;
use tests::{Exit, Missing, VERSION, find_program, run_to_exit, run_trials, trial, workspace};

/// A version greater than any other.
const NEW: &str = "987.6.5";

/// Versions that are rejected, each with the error.
const INVALID_VERSIONS: [(&str, &str); 7] = [
    ("", "make release VERSION=1.2.3"),
    ("987.6", "no version of the form"),
    ("v987.6.5", "no version of the form"),
    ("987.06.5", "no version of the form"),
    ("987.6.5-", "no version of the form"),
    ("987.6.5+build", "no version of the form"),
    ("0.0.1", "0.0.1 is lower than"),
];

/// The published artifacts, each with the command that pushes it.
const PUBLISHED: [(&str, &str); 7] = [
    ("hello-native", "docker buildx imagetools create --tag"),
    ("hello-spin", "docker buildx imagetools create --tag"),
    ("hello-wasm", "docker buildx imagetools create --tag"),
    ("hello-wasi-0.2", "wkg oci push"),
    ("hello-wasi-0.3", "wkg oci push"),
    ("hello-app", "spin registry push --from spin.toml"),
    ("charts/hello", "helm push"),
];

const REGISTRY: &str = "registry.example/me/hello";

fn run(command: &str, folder: &Path) -> Exit {
    let mut shell = Command::new("bash");
    shell.args(["-euc", command]).current_dir(folder);
    for (name, value) in [("NAME", "test"), ("EMAIL", "test@example")] {
        shell.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
    }
    shell.env("GIT_CONFIG_GLOBAL", "/dev/null").env_remove("MAKEFLAGS");
    run_to_exit(shell)
}

fn succeed(command: &str, folder: &Path) -> Result<String, Failed> {
    let exit = run(command, folder);
    if exit.succeeded() { Ok(exit.stdout) } else { Err(format!("{command}: {}", exit.output()).into()) }
}

/// Copies the files, committed or not, to a repository of its own with an entry in the changelog.
fn copy_repository() -> Result<TempDir, Failed> {
    let copy = TempDir::new()?;
    let files = "git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --target-directory";
    succeed(&format!("{files} {}", copy.path().display()), &workspace())?;
    let change = r"sed --in-place 's/^## Unreleased$/&\n\n- Changed by a test./' CHANGELOG.md";
    succeed(&format!("{change}; git init --quiet; git add .; git commit --quiet --message Copied"), copy.path())?;
    Ok(copy)
}

/// Checks that a command fails with one line and changes nothing.
fn check_rejected(command: &str, error: &str, folder: &Path) -> Result<(), Failed> {
    let state = "git status --porcelain; git rev-parse HEAD; git tag";
    let before = succeed(state, folder)?;
    let exit = run(command, folder);
    let lines = exit.stderr.lines().filter(|line| !line.contains("***")).count();
    exit.require(!exit.succeeded() && exit.stderr.contains(error) && lines == 1)?;
    if succeed(state, folder)? == before { Ok(()) } else { Err(format!("{command} has changed something").into()) }
}

fn invalid_version_is_rejected() -> Result<(), Failed> {
    let copy = copy_repository()?;
    for (version, error) in INVALID_VERSIONS {
        check_rejected(&format!("make release VERSION={version}"), error, copy.path())?;
    }
    Ok(())
}

fn release_is_committed_and_tagged() -> Result<(), Failed> {
    let copy = copy_repository()?;
    let folder = copy.path();
    fs::write(folder.join("uncommitted"), "")?;
    check_rejected(&format!("make release VERSION={NEW}"), "not committed", folder)?;
    fs::remove_file(folder.join("uncommitted"))?;

    let output = succeed(&format!("make release VERSION={NEW}-rc.1"), folder)?;
    assert!(output.contains(&format!("git push --atomic origin HEAD v{NEW}-rc.1")), "{output}");
    check_rejected(&format!("make release VERSION={NEW}-rc.1"), "there is a tag", folder)?;
    check_rejected(&format!("make release VERSION={NEW}"), "CHANGELOG.md says nothing", folder)?;
    succeed(
        r"sed --in-place 's/^## Unreleased$/&\n\n- Changed again./' CHANGELOG.md; git commit --quiet --all --message Changed",
        folder,
    )?;
    succeed(&format!("make release VERSION={NEW}"), folder)?;

    assert_eq!(succeed("git status --porcelain", folder)?, "");
    assert_eq!(succeed("git describe", folder)?.trim(), format!("v{NEW}"));
    for old in [VERSION, "rc.1"] {
        let named = "README.md Cargo.toml spin.toml chart manifests argocd hello/src/openapi.json 'docs/*.md'";
        let exit = run(&format!("git grep --fixed-strings --word-regexp '{old}' -- {named}"), folder);
        exit.require(exit.code == Some(1))?;
    }
    let rendered = succeed("helm template hello chart --set runtime=wasm", folder)?;
    assert!(rendered.contains(&format!("image: \"hello-wasm:{NEW}\"")), "{rendered}");
    assert_eq!(succeed(&format!("scripts/release.sh notes {NEW}"), folder)?.trim(), "- Changed again.");
    let notes = succeed(&format!("scripts/release.sh notes {NEW}-rc.1"), folder)?;
    assert!(notes.trim().starts_with("- Changed by a test.") && !notes.contains("\n## "), "{notes}");
    Ok(())
}

fn failed_release_changes_nothing() -> Result<(), Failed> {
    let copy = copy_repository()?;
    let programs = fake_programs(&["helm"], "exit 1")?;
    let path = format!("PATH={}:$PATH", programs.path().display());
    check_rejected(&format!("{path} make release VERSION={NEW}"), "nothing is changed", copy.path())
}

/// Creates fake programs that run a script.
fn fake_programs(names: &[&str], script: &str) -> Result<TempDir, Failed> {
    let folder = TempDir::new()?;
    let path = folder.path().join("fake-program");
    fs::write(&path, format!("#!/bin/bash\n{script}\n"))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    for name in names {
        symlink(&path, folder.path().join(name))?;
    }
    Ok(folder)
}

/// Each artifact that is pushed is signed by its digest, and each but the chart has an SBOM. The chart uses the images of its registry.
fn each_artifact_is_signed() -> Result<(), Failed> {
    let scratch = TempDir::new()?;
    let at = |name: &str| scratch.path().join(name).display().to_string();
    for architecture in ["x86_64", "aarch64"] {
        fs::create_dir_all(at(&format!("digests/{architecture}")))?;
        for image in ["hello-native", "hello-spin", "hello-wasm"] {
            fs::write(at(&format!("digests/{architecture}/{image}")), format!("sha256:of-{architecture}\n"))?;
        }
    }
    let helm = find_program("helm").ok_or("helm is not on PATH")?;
    let script = format!(
        r#"name=$(basename "$0")
[ "$name $1" = "helm push" ] || [ "$name" != helm ] || exec {} "$@"
echo "$name $*" >>{}
[ "$name $3" != "docker inspect" ] || echo "Digest:    sha256:$(echo "$4" | sha256sum | cut -d ' ' -f 1)""#,
        helm.display(),
        at("log"),
    );
    let programs = fake_programs(&["docker", "wkg", "spin", "helm", "cosign"], &script)?;
    let publish = format!("scripts/publish.sh {REGISTRY} {} {}", at("digests"), at("release"));
    succeed(&format!("PATH={}:$PATH {publish}", programs.path().display()), &workspace())?;

    let log = fs::read_to_string(at("log"))?;
    let sums = fs::read_to_string(at("release/SHA256SUMS"))?;
    let mut pushed = BTreeSet::new();
    for (name, command) in PUBLISHED {
        let reference = match name {
            "charts/hello" => format!("{} oci://{REGISTRY}/charts", at(&format!("release/hello-{VERSION}.tgz"))),
            _ => format!("{REGISTRY}/{name}:{VERSION}"),
        };
        let push = format!("{command} {reference}");
        let built = format!(" {REGISTRY}/{name}@sha256:of-aarch64 {REGISTRY}/{name}@sha256:of-x86_64");
        let line = log.lines().find(|line| line.starts_with(&push)).ok_or(format!("no {push} in {log}"))?;
        assert!(!command.starts_with("docker") || line.ends_with(&built), "{line}");
        pushed.insert(line);

        let signed = format!("cosign sign --yes --recursive {REGISTRY}/{name}@sha256:");
        let signature = log.lines().find(|line| line.starts_with(&signed)).ok_or(format!("no {signed} in {log}"))?;
        let (_, digest) = signature.split_once("@sha256:").ok_or("no digest")?;
        assert!(sums.contains(&format!("{digest}  {REGISTRY}/{name}\n")), "{sums}");
        let attested = format!(".cdx.json {REGISTRY}/{name}@sha256:{digest}");
        assert_eq!(log.contains(&attested), name != "charts/hello", "{name}: {log}");
    }
    let commands = log.lines().filter(|line| !line.starts_with("cosign") && !line.contains("imagetools inspect"));
    assert_eq!(commands.collect::<BTreeSet<_>>(), pushed);

    let chart = at(&format!("release/hello-{VERSION}.tgz"));
    for runtime in ["native", "wasm", "spin"] {
        let rendered = succeed(&format!("helm template hello {chart} --set runtime={runtime}"), scratch.path())?;
        assert!(rendered.contains(&format!("image: \"{REGISTRY}/hello-{runtime}:{VERSION}\"")), "{rendered}");
    }
    // The chart is outside of the repository, so its links are absolute.
    let url = fs::read_to_string(workspace().join("argocd/project/repository.yaml"))?;
    let url = url.lines().find_map(|line| line.strip_prefix("  url: ")?.strip_suffix(".git")).ok_or("a URL")?;
    let readme = succeed(&format!("helm show readme {chart}"), scratch.path())?;
    assert!(!readme.contains("](../") && readme.contains(&format!("]({url}/blob/v{VERSION}/README.md)")), "{readme}");
    let about = succeed(&format!("helm show chart {chart}"), scratch.path())?;
    assert!(about.contains(&format!("home: {url}\n")), "{about}");
    let checked = succeed("sha256sum --check --ignore-missing SHA256SUMS", Path::new(&at("release")))?;
    assert_eq!(checked.lines().filter(|line| line.ends_with(": OK")).count(), 5, "{checked}");
    Ok(())
}

fn main() -> ExitCode {
    let helm = || Missing::programs(&["helm"]);
    run_trials(vec![
        trial("an invalid version is rejected", None, invalid_version_is_rejected),
        trial("a release is committed and tagged", helm(), release_is_committed_and_tagged),
        trial("a failed release changes nothing", None, failed_release_changes_nothing),
        trial("each published artifact is signed", Missing::programs(&["helm", "jq"]), each_artifact_is_signed),
    ])
}
