//! The commands that the README names, as people type them.

use std::{
    collections::BTreeSet,
    env,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
};

use tests::{Server, VERSION, blocks, from_a_shell, native, program, run_to_exit, workspace};

/// `make` as people type it.
fn make(arguments: &[&str]) -> Command {
    let mut command = from_a_shell("make");
    command.current_dir(workspace()).args(arguments);
    command
}

#[test]
fn make_alone_lists_the_commands() {
    let listed = run_to_exit(make(&[]));
    assert!(listed.succeeded());
    let docs = ["README.md", "CONTRIBUTING.md"].map(|file| fs::read_to_string(workspace().join(file)).expect(file));
    let after_make = docs.iter().flat_map(|text| text.split("make ").skip(1));
    let named = after_make.filter_map(|rest| rest.split([' ', '`', '\n', ';']).next());
    let commands: BTreeSet<_> = named.filter(|name| !name.is_empty()).collect();
    assert!(commands.contains("run"));
    for command in commands {
        let line = format!("make {command} ");
        assert!(
            listed.output().lines().any(|listed| listed.trim_start().starts_with(&line)),
            "make {command} is not listed"
        );
    }
}

/// The guides and the matrix say which versions were tested; what the cluster is made of decides.
#[test]
fn the_docs_name_the_versions_of_the_cluster() {
    let read = |file: &str| fs::read_to_string(workspace().join(file)).expect(file);
    let pinned = |file: &str, before: &str| {
        let text = read(&format!("tests/cluster/{file}"));
        let version = text.split(before).nth(1).unwrap_or_else(|| panic!("{file} does not pin {before}"));
        version.split_whitespace().next().expect("a version").to_owned()
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
        assert!(runtimes.contains(&format!("{name} {version}")), "docs/RUNTIMES.md does not say {name} {version}");
    }
}

/// A promise without its test would be one in name only.
#[test]
fn tests_that_the_docs_name_are_there() {
    let security = fs::read_to_string(workspace().join("docs/SECURITY.md")).expect("docs/SECURITY.md");
    let named: Vec<_> = security.split('`').filter_map(|code| code.split_once("::")).collect();
    assert!(!named.is_empty());
    for (file, test) in named {
        let is_there = |path: &Path| fs::read_to_string(path).is_ok_and(|text| text.contains(&format!("fn {test}(")));
        let folder = fs::read_dir(workspace().join("tests").join(file));
        let mut files: Vec<_> =
            folder.map(|files| files.flatten().map(|file| file.path()).collect()).unwrap_or_default();
        files.extend(["tests", "hello-server/src"].map(|folder| workspace().join(folder).join(format!("{file}.rs"))));
        assert!(files.iter().any(|path| is_there(path)), "docs/SECURITY.md names {file}::{test}, which is no test");
    }
}

/// What docs/OPERATIONS.md has people ask the admin port does what it says.
#[test]
fn the_log_is_switched_as_the_docs_say() {
    let server = Server::start(native());
    let guide = fs::read_to_string(workspace().join("docs/OPERATIONS.md")).expect("docs/OPERATIONS.md");
    let commands: Vec<_> = guide.lines().filter(|line| line.starts_with("curl ")).collect();
    assert_eq!(commands.len(), 2);
    for command in commands {
        let command = command.replace("127.0.0.1:9090", &server.admin.to_string()).replace("curl ", "curl --fail ");
        let mut shell = Command::new("sh");
        shell.args(["-c", &command]);
        let exit = run_to_exit(shell);
        assert!(exit.succeeded(), "{command}: {}", exit.output());
    }
    assert!(server.admin("/log").text().contains("debug"));
}

#[test]
fn make_run_serves_each_runtime() {
    for (arguments, runtime) in
        [(&["run"][..], "wasi-0.3"), (&["run", "RUNTIME=native"], "native"), (&["run", "RUNTIME=wasm-p2"], "wasi-0.2")]
    {
        let server = Server::bound(make(arguments));
        let ready = server.wait_for_log(|line| line["message"] == "ready");
        assert_eq!(ready["profile"], "quick", "{arguments:?}");
        assert_eq!(server.get("/").json()["runtime"], runtime);
        assert_eq!(server.admin("/readyz").status, 200);
    }
}

/// A stand-in for cargo writes down what it is to build. The component comes first: what can fail, fails soon.
#[test]
fn make_run_builds_only_what_it_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cargo, builds) = (folder.path().join("cargo"), folder.path().join("builds"));
    for (runtime, expected) in [
        ("native", &["--profile quick --package hello-native"][..]),
        (
            "wasm",
            &[
                "--profile quick --target wasm32-wasip2 --package hello-wasi-0-3",
                "--profile quick --package hello-host",
            ],
        ),
        (
            "wasm-p2",
            &[
                "--profile quick --target wasm32-wasip2 --package hello-wasi-0-2",
                "--profile quick --package hello-host",
            ],
        ),
    ] {
        let script = format!("#!/bin/sh\necho \"$@\" >>{}\n", builds.display());
        stand_in(&cargo, &script);
        fs::write(&builds, "").expect("an empty file");
        let mut run = make(&["run", &format!("RUNTIME={runtime}"), &format!("CARGO={}", cargo.display())]);
        run.env("CARGO_TARGET_DIR", folder.path().join("target"));
        let exit = run_to_exit(run);
        assert!(!exit.succeeded(), "{runtime}: nothing was built, and yet something serves");
        assert!(exit.stderr.contains("the first time"), "{runtime}: {}", exit.output());
        let built = fs::read_to_string(&builds).expect("what was built");
        let built: Vec<_> = built.lines().map(|line| line.replace("build --locked ", "")).collect();
        assert_eq!(built, expected, "{runtime}");
    }
}

/// A stand-in for docker writes down what it is to build; real builds are in e2e.
#[test]
fn make_images_builds_what_is_named_and_prints_how_to_deploy_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let builds = folder.path().join("builds");
    let script =
        format!("#!/bin/sh\ncase $1 in build) echo \"$@\" >>{} ;; images) echo 3.5MB ;; esac\n", builds.display());
    stand_in(&folder.path().join("docker"), &script);
    let images = |arguments: &[&str]| {
        let mut images = make(&[&["images"], arguments].concat());
        let path = env::var("PATH").expect("PATH");
        images.env("PATH", format!("{}:{path}", folder.path().display())).env_remove("RUNTIME");
        fs::write(&builds, "").expect("an empty file");
        (run_to_exit(images), fs::read_to_string(&builds).expect("what was built"))
    };

    let (exit, built) = images(&["RUNTIME=native"]);
    assert!(exit.succeeded(), "{}", exit.output());
    assert!(built.lines().count() == 1 && built.contains("--target native "), "{built}");
    let tags: Vec<_> =
        built.split(' ').skip_while(|word| *word != "--tag").filter(|word| word.contains("/hello-")).collect();
    let [version, commit] = tags[..] else { panic!("two tags, not {tags:?}") };
    assert_eq!(version, format!("docker.io/library/hello-native:{VERSION}"));
    let (image, tag) = commit.rsplit_once(':').expect("a tag");
    assert!(
        image.ends_with("/hello-native") && tag.starts_with(&format!("{VERSION}-")) && tag.len() > VERSION.len() + 8
    );
    for said in [format!("hello-native:{tag}  3.5MB, built in "), format!("--set runtime=native,image.tag={tag}\n")] {
        assert!(exit.stdout.contains(&said), "no {said:?} in {}", exit.output());
    }

    let (exit, built) = images(&[]);
    let targets = built.lines().filter_map(|line| line.split_once("--target ")?.1.split(' ').next());
    assert_eq!(targets.collect::<Vec<_>>(), ["native", "spin", "wasm"], "{}", exit.output());

    let (exit, built) = images(&["RUNTIME=jvm"]);
    assert!(!exit.succeeded() && built.is_empty());
    assert!(exit.stderr.contains("there is no image for RUNTIME=jvm; use native, wasm or spin"), "{}", exit.output());
}

fn stand_in(path: &Path, script: &str) {
    fs::write(path, script).expect("a stand-in");
    fs::set_permissions(path, Permissions::from_mode(0o755)).expect("executable");
}

/// What `make run` starts once all is built, with the variables that stand before it.
#[test]
fn settings_are_taken_as_the_readme_has_them() {
    let shell = blocks("README.md", "sh");
    let lines = shell
        .iter()
        .flat_map(|block| block.text.lines())
        .filter(|line| line.contains('=') && line.contains(" make run"));
    let mut servers = lines.map(|line| {
        let started = line.replace("make run", "exec dist/hello-host serve dist/hello-wasi-0.3.wasm");
        let mut shell = from_a_shell("bash");
        shell.current_dir(workspace()).args(["-c", &started]);
        (line, Server::start(shell))
    });
    let mut next = |variable: &str| {
        let (line, server) = servers.next().expect("another line");
        assert!(line.starts_with(variable), "{line}");
        let answer = server.get("/");
        (server, answer.json()["message"].take())
    };
    let (_, message) = next("HELLO_MESSAGE");
    assert_eq!(message, "Good morning");
    let (server, message) = next("HELLO_ACCESS_LOG");
    assert_ne!(message, "Good morning");
    server.wait_for_log(|line| line["status"] == 200 && line["path"] == "/");
    // With no Collector it answers all the same; with one, tests/observability/traces.rs sees the spans.
    next("OTEL_EXPORTER_OTLP_ENDPOINT");
    assert!(servers.next().is_none());
}

#[test]
fn make_run_says_what_is_missing() {
    let unknown = run_to_exit(make(&["run", "RUNTIME=jvm"]));
    assert!(!unknown.succeeded());
    assert!(
        unknown.output().contains("RUNTIME=jvm is not known; use native, wasm, wasm-p2 or spin"),
        "{}",
        unknown.output()
    );

    if program("spin").is_none() {
        let missing = run_to_exit(make(&["run", "RUNTIME=spin"]));
        assert!(!missing.succeeded());
        assert!(missing.output().contains("needs the program spin"), "{}", missing.output());
    }
}

/// Images that were built elsewhere would not be where they are wanted.
#[test]
fn images_are_built_where_docker_host_says_or_not_at_all() {
    let mut images = Command::new(workspace().join("scripts/images.sh"));
    images.arg("build").env("DOCKER_HOST", "tcp://127.0.0.1:1");
    let exit = run_to_exit(images);
    assert_eq!(exit.code, Some(1), "{}", exit.output());
    assert!(exit.stderr.contains("DOCKER_HOST is tcp://127.0.0.1:1, and no Docker responds there"), "{}", exit.stderr);
    assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
}
