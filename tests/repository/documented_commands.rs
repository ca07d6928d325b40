//! Every command in the guides, and who runs it: the blocks that `follow` runs as they stand, which it is asked for by the name of their
//! heading, and the commands that are listed here.

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, ExitCode},
    sync::Arc,
};

use libtest_mimic::{Arguments, Failed, Trial};
use tests::{all_blocks, run_to_exit, workspace};

/// What a file of the project has in it, which runs the command.
type By = (&'static str, &'static str);

enum Runs {
    /// As it stands, or but for an address or a folder.
    As(By),
    /// Not itself, but what it does.
    Alike(By),
    /// Nobody does, for this reason.
    Nobody(&'static str),
}
use Runs::{Alike, As, Nobody};

const PUBLISHED: Runs =
    Nobody("it is on the Internet; tests/cluster has the same version, as tests/repository/make_targets.rs sees to");
const NO_SERVER: Runs = Nobody("the cluster of the tests has Argo CD without its user interface");

const MAKE_RUN: By = ("tests/repository/make_targets.rs", "fn make_run_serves_each_runtime(");
const SETTINGS: By = ("tests/repository/make_targets.rs", "fn settings_are_taken_as_the_readme_has_them(");
const LOG: By = ("tests/repository/make_targets.rs", "fn the_log_is_switched_as_the_docs_say(");
const DEPLOY: By = ("tests/e2e/install.rs", r#"follow(&workspace(), GUIDE, "As a native binary")"#);
const OWN_SERVICE: &str = "tests/repository/fork_guide.rs";
const RENAME: By = (OWN_SERVICE, r#"fork.run("make", &["rename", "NAME=note-book"])"#);
const NOTES: By = (OWN_SERVICE, r#"request(method, "/notes", body)"#);
const PYTHON: By = ("tests/host/other_languages/main.rs", r#"blocks(GUIDE, "sh")"#);
const CI_TEST: By = (".ci/run", "\n  make test\n");

/// The commands outside of blocks that `follow` runs. Comments are left out, and lines that go on are one.
#[rustfmt::skip] // A command stays on one line, to be found.
const LISTED: &[(&str, Runs)] = &[
    // README.md
    ("make run", As(MAKE_RUN)),
    ("make run RUNTIME=native", As(MAKE_RUN)),
    ("make run RUNTIME=wasm-p2", As(MAKE_RUN)),
    ("make run RUNTIME=spin", Nobody("Spin is not there; tests/repository/make_targets.rs tests what is said then")),
    ("curl http://127.0.0.1:8080/", Alike(MAKE_RUN)),
    (r#"curl --retry 5 --retry-connrefused "http://$(minikube ip):30007/""#, Alike(("tests/e2e/argocd.rs", "wait_for_runtime(NODE_PORT, \"native\")"))),
    ("kubectl delete -k manifests/wasm --ignore-not-found", As(("tests/e2e/install.rs", r#"repository.follow_but(GUIDE, "From Git","#))),
    ("kubectl create namespace argocd", As(("tests/cluster/node.sh", "\nkubectl create namespace argocd\n"))),
    ("kubectl apply --namespace argocd --server-side -f https://raw.githubusercontent.com/argoproj/argo-cd/v3.2.11/manifests/install.yaml", PUBLISHED),
    ("kubectl wait crd/applications.argoproj.io crd/appprojects.argoproj.io --for=condition=Established", Alike(("tests/cluster/node.sh", "kubectl wait --for=condition=Established crd --all"))),
    ("kubectl apply -k argocd/application", As(("tests/e2e/argocd.rs", r#"repository.apply("argocd/application")"#))),
    ("kubectl wait application/hello --namespace argocd --for=jsonpath='{.status.health.status}'=Healthy --timeout=10m", Alike(("tests/e2e/argocd.rs", r#"wait_until_synced_and_healthy("hello""#))),
    ("HELLO_MESSAGE='Good morning' HELLO_COLOR=teal make run", As(SETTINGS)),
    ("HELLO_ACCESS_LOG=1 make run", As(SETTINGS)),
    ("OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 make run", As(SETTINGS)),
    ("make", As(("tests/repository/make_targets.rs", "run_to_exit(make(&[]))"))),
    ("make doctor", As(("tests/repository/doctor/main.rs", r#"make.arg("doctor")"#))),
    ("make build", As((".ci/run", "make build"))),
    ("make test", As(CI_TEST)),
    ("make e2e", Alike((".ci/run", "\nmake e2e-cases &\n"))),
    ("make monitoring", As(("tests/e2e/monitoring.rs", r#"make("monitoring")"#))),
    ("make bench-quick", As((".ci/run", "\n  make bench-quick\n"))),
    ("make bench", Nobody("it takes half an hour of an idle machine")),
    ("make hostile", Alike(("tests/Cargo.toml", r#"path = "server/hostile/main.rs""#))),
    ("make soak", Nobody("it takes half an hour")),
    ("make deny", As(("tests/repository/supply_chain.rs", r#"run("make", &["deny""#))),
    ("make scan", Alike((".ci/run", "scripts/scan.sh"))),
    ("make instructions", Alike(("tests/Cargo.toml", r#"path = "performance/instructions.rs""#))),
    ("make first-run", Nobody("it builds everything, from a clone")),
    ("make picture", Nobody("somebody has to look at the pictures")),
    ("make release", As(("tests/repository/release.rs", r#"format!("make release VERSION={NEW}")"#))),
    // CONTRIBUTING.md
    ("CARGO_PROFILE_RELEASE_LTO=off make test", Alike(CI_TEST)),
    ("cargo test --package hello", Alike(("Makefile", "$(CARGO) test --locked --package hello "))),
    ("sudo apt-get install valgrind prometheus jq slowhttptest nghttp2-client shellcheck python3-venv strace unzip", Alike((".ci/run", "apt-get install"))),
    ("sudo systemctl disable --now prometheus", Nobody("where these tests run, no service is started")),
    ("PATH=~/.cache/hello/python-tools/bin:~/.cache/hello/node-tools/bin:~/.cache/hello/go-tools:~/.cache/hello/collector:$PATH", Alike((".ci/run", "PATH=$cache/cluster/bin:$cache/collector:$cache/python-tools/bin:$cache/node-tools/bin:$cache/go-tools:$PATH"))),
    ("tests/infra/python-tools.sh ~/.cache/hello/python-tools", As((".ci/run", r#"tests/infra/python-tools.sh "$cache/python-tools""#))),
    ("tests/infra/node-tools.sh ~/.cache/hello/node-tools", As((".ci/run", r#"tests/infra/node-tools.sh "$cache/node-tools""#))),
    ("tests/infra/go-tools.sh ~/.cache/hello/go-tools", As((".ci/run", r#"tests/infra/go-tools.sh "$cache/go-tools""#))),
    ("tests/infra/collector/build.sh ~/.cache/hello/collector", As((".ci/run", r#"tests/infra/collector/build.sh "$cache/collector""#))),
    // argocd/README.md
    ("make images RUNTIME=native", As(("tests/e2e/install.rs", r#"follow(&workspace(), GUIDE, "Change the code and deploy it again")"#))),
    ("kubectl delete application/hello --namespace argocd --wait", Alike(("tests/e2e/install.rs", r#"follow(&workspace(), GUIDE, "Remove it")"#))),
    ("kubectl apply --namespace argocd --server-side --filename https://raw.githubusercontent.com/argoproj/argo-cd/v3.2.11/manifests/install.yaml", PUBLISHED),
    ("kubectl patch configmap argocd-cm --namespace argocd --patch-file argocd/health.yaml", As(("tests/e2e/argocd.rs", r#""--patch-file", "argocd/health.yaml""#))),
    ("kubectl port-forward service/argocd-server 8443:443 --namespace argocd", NO_SERVER),
    (r#"argocd login localhost:8443 --insecure --username admin --password "$(kubectl get secret argocd-initial-admin-secret --namespace argocd --output jsonpath='{.data.password}' | base64 --decode)""#, NO_SERVER),
    ("kubectl get applications --namespace argocd --watch", Nobody("it does not end")),
    // chart/README.md
    ("helm install hello chart --namespace hello --create-namespace", Alike(DEPLOY)),
    ("helm upgrade hello chart --namespace hello --reset-then-reuse-values --set runtime=wasm", Alike(("tests/e2e/disruption.rs", r#"hello.deploy("runtime=wasm")"#))),
    ("helm test hello --namespace hello", As(("tests/e2e/install.rs", r#"helm("test")"#))),
    // docs/CANARY.md
    ("kubectl create namespace argo-rollouts", As(("tests/cluster/node.sh", "\nkubectl create namespace argo-rollouts\n"))),
    ("kubectl apply --namespace argo-rollouts --server-side --filename https://github.com/argoproj/argo-rollouts/releases/download/v1.10.1/install.yaml", PUBLISHED),
    ("kubectl apply -k canary/releases", As(("tests/e2e/canary.rs", r#"repository.apply("canary/releases")"#))),
    // docs/OPERATIONS.md
    ("make cluster", Alike(("Makefile", "@tests/cluster/cluster.sh run"))),
    ("curl http://127.0.0.1:9090/log", As(LOG)),
    ("curl --request PUT --data debug http://127.0.0.1:9090/log", As(LOG)),
    // docs/YOUR-OWN-SERVICE.md
    ("make rename NAME=note-book", As(RENAME)),
    (r#"git commit --message "Rename to note-book""#, Alike((OWN_SERVICE, "fork.commit()"))),
    (r#"curl --json '{"text": "milk"}' http://127.0.0.1:8080/notes"#, Alike(NOTES)),
    ("curl http://127.0.0.1:8080/notes", Alike(NOTES)),
    ("python3 -m venv venv", Alike(("tests/infra/python-tools.sh", "-m venv"))),
    (". venv/bin/activate", Alike(("tests/infra/python-tools.sh", "-m venv"))),
    ("pip install componentize-py==0.25.1", Alike(("tests/infra/python-tools.sh", "pip\" install"))),
    (r#"wit=$(cargo metadata --locked --format-version 1 | jq -r '.packages[] | select(.name == "wasmtime-wasi-http").manifest_path')"#, As(PYTHON)),
    (r#"componentize-py -d "${wit%Cargo.toml}wit" -w wasi:http/proxy componentize app -o app.wasm"#, As(PYTHON)),
    ("dist/hello-host serve app.wasm", Alike(PYTHON)),
];

/// Guides and headings.
type Followed = BTreeSet<(String, String)>;

/// A block of shell in a guide.
struct Block {
    guide: String,
    heading: String,
    /// The first below its heading is the one that `follow` runs.
    is_first: bool,
    commands: Vec<String>,
}

fn files(pattern: &str) -> Vec<String> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard", "--", pattern]).current_dir(workspace());
    let listed = run_to_exit(git);
    assert!(listed.succeeded(), "{}", listed.output());
    listed.stdout.lines().map(ToOwned::to_owned).collect()
}

fn read(file: &str) -> String {
    fs::read_to_string(workspace().join(file)).expect(file)
}

/// The blocks of shell of all guides.
fn blocks() -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for guide in files("*.md") {
        for tests::Block { heading, text, .. } in tests::blocks(&guide, "sh") {
            let is_first = !blocks.iter().any(|block| block.guide == guide && block.heading == heading);
            blocks.push(Block { guide: guide.clone(), heading, is_first, commands: commands(&text) });
        }
    }
    blocks
}

/// What is typed: a line, or some that go on with one, each without its comment.
fn commands(text: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = line.split(" # ").next().unwrap_or_default().trim();
        match commands.last_mut() {
            Some(begun) if begun.ends_with('\\') || begun.ends_with('|') => {
                *begun = format!("{} {line}", begun.trim_end_matches('\\').trim_end());
            }
            _ => commands.push(line.to_owned()),
        }
    }
    commands
}

impl Block {
    fn is_followed(&self, followed: &Followed) -> bool {
        self.is_first && followed.contains(&(self.guide.clone(), self.heading.clone()))
    }
}

/// Which blocks `follow` runs, by guide and heading, as its callers name them.
fn followed() -> Followed {
    let mut followed = BTreeSet::new();
    for file in files("tests/e2e/*.rs") {
        let source = read(&file);
        let own = source.split_once("const GUIDE: &str = \"").and_then(|(_, rest)| rest.split('"').next());
        for call in source.split("follow(").skip(1) {
            let arguments = call.split(';').next().unwrap_or_default();
            let texts: Vec<_> = arguments.split('"').skip(1).step_by(2).collect();
            if let ([guide, heading], _) | ([heading], Some(guide)) = (&texts[..], &own) {
                followed.insert(((*guide).to_owned(), (*heading).to_owned()));
            }
        }
    }
    followed
}

fn someone_runs(blocks: &[Block], followed: &Followed) -> Result<(), Failed> {
    let mut nobody = Vec::new();
    for block in blocks {
        if !block.is_followed(followed) {
            let unknown = block.commands.iter().filter(|command| listed(command).is_none());
            nobody.extend(unknown.map(|command| format!("{}, {}: {command}", block.guide, block.heading)));
        }
    }
    if nobody.is_empty() {
        return Ok(());
    }
    let what_to_do = "have a test `follow` them, or say in tests/repository/documented_commands.rs who runs them";
    Err(format!("nobody runs these commands; {what_to_do}:\n  {}", nobody.join("\n  ")).into())
}

fn listed(command: &str) -> Option<&'static Runs> {
    LISTED.iter().find(|(listed, _)| *listed == command).map(|(_, runs)| runs)
}

/// Nothing is listed or followed that is not there any more.
fn lists_hold(blocks: &[Block], followed: &Followed) -> Result<(), Failed> {
    for (guide, heading) in followed {
        if !blocks.iter().any(|block| (&block.guide, &block.heading) == (guide, heading)) {
            return Err(format!("{guide} has no block of shell below {heading}").into());
        }
    }
    let by_list = || blocks.iter().filter(|block| !block.is_followed(followed)).flat_map(|block| &block.commands);
    for (command, runs) in LISTED {
        if !by_list().any(|found| found == command) {
            return Err(format!("no guide has {command}, or a test follows it").into());
        }
        let (As((file, text)) | Alike((file, text))) = runs else { continue };
        // A fork that has its name has left that test behind.
        let is_left_behind = *file == OWN_SERVICE && !workspace().join(file).exists();
        if !is_left_behind && !read(file).contains(text) {
            return Err(format!("{file} is to run {command}, and has no {text:?}").into());
        }
    }
    Ok(())
}

/// A block of commands that is marked as something else would be run by nobody.
fn commands_are_marked() -> Result<(), Failed> {
    for guide in files("*.md") {
        for tests::Block { language, .. } in all_blocks(&guide) {
            if ["", "console", "bash", "shell"].contains(&&*language) {
                return Err(format!("{guide}: mark a block of {language:?} as sh, which is run, or as text").into());
            }
        }
    }
    Ok(())
}

/// Says what becomes of them all.
fn count(blocks: &[Block], followed: &Followed) {
    let (mut as_they_stand, mut alike, mut nobody) = (0, 0, Vec::new());
    for block in blocks {
        for command in &block.commands {
            match listed(command) {
                _ if block.is_followed(followed) => as_they_stand += 1,
                Some(As(_)) => as_they_stand += 1,
                Some(Alike(_)) => alike += 1,
                Some(Nobody(reason)) => nobody.push(format!("  {command}: {reason}")),
                None => {} // That fails.
            }
        }
    }
    println!(
        "commands in the guides: {as_they_stand} run as they stand, {alike} in another form, {} not:",
        nobody.len()
    );
    println!("{}", nobody.join("\n"));
}

fn main() -> ExitCode {
    let (blocks, followed) = (blocks(), followed());
    count(&blocks, &followed);
    let guides = Arc::new((blocks, followed));
    let trial = |name: &str, case: fn(&[Block], &Followed) -> Result<(), Failed>| {
        let guides = guides.clone();
        Trial::test(name, move || case(&guides.0, &guides.1))
    };
    let trials = vec![
        trial("someone runs every command, or it is said why not", someone_runs),
        trial("what is listed and followed is there", lists_hold),
        trial("commands are marked as such", |_, _| commands_are_marked()),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
