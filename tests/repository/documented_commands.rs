//! Commands in the documentation, each with the test or script that runs it. An e2e test runs a whole block by `follow`, which names its
//! document and heading. The other commands are listed here.

use std::{collections::BTreeSet, fs, process::ExitCode, sync::Arc};

use Run::{By, Not};
use libtest_mimic::Failed;
use tests::{CodeBlock, all_code_blocks, code_blocks, git_files, run_trials, trial, workspace};

/// The test or script that runs a command.
enum Run {
    /// This file, which contains this text. It runs the command or an equivalent of it.
    By(&'static str, &'static str),
    /// Nothing, for this reason.
    Not(&'static str),
}

const PUBLISHED: Run =
    Not("it needs the Internet; tests/cluster has the same version, which tests/repository/make_targets.rs checks");
const NO_SERVER: Run = Not("the Argo CD of the tests has no user interface");

const MAKE_RUN: Run = By("tests/repository/make_targets.rs", "fn assert_make_run_serves(");
const SETTINGS: Run = By("tests/repository/make_targets.rs", "fn settings_of_the_readme_take_effect(");
const LOG: Run = By("tests/repository/make_targets.rs", "fn commands_of_the_docs_change_the_log_filter(");
const DEPLOY: Run = By("tests/e2e/install.rs", r#"follow(&workspace(), GUIDE, "As a native binary")"#);
const FORK_GUIDE: &str = "tests/repository/fork_guide.rs";
const RENAME: Run = By(FORK_GUIDE, r#"fork.run("make", &["rename", "NAME=note-book"])"#);
const NOTES: Run = By(FORK_GUIDE, r#"request(method, "/notes", body)"#);
const PYTHON: Run = By("tests/host/other_languages/main.rs", r#"code_blocks(GUIDE, "sh")"#);
const BLACKBOX: Run = By("Makefile", "$(CARGO) test --locked --package tests\n");
const CI_TEST: Run = By(".ci/run", "\n  make test\n");

/// The commands outside of the blocks that `follow` runs, without comments, and with continued lines joined.
#[rustfmt::skip] // One command per line can be searched.
const COMMANDS: &[(&str, Run)] = &[
    // README.md
    ("make run", MAKE_RUN),
    ("make run RUNTIME=native", MAKE_RUN),
    ("make run RUNTIME=wasm-p2", MAKE_RUN),
    ("make run RUNTIME=spin", Not("CI has no Spin; tests/repository/make_targets.rs tests the error")),
    ("curl http://127.0.0.1:8080/", MAKE_RUN),
    (r#"curl --retry 5 --retry-connrefused "http://$(minikube ip):30007/""#, By("tests/e2e/argocd.rs", "wait_for_runtime(NODE_PORT, \"native\")")),
    ("kubectl delete -k manifests/wasm --ignore-not-found", By("tests/e2e/install.rs", "repository.follow_except(")),
    ("kubectl create namespace argocd", By("tests/cluster/node.sh", "\nkubectl create namespace argocd\n")),
    ("kubectl apply --namespace argocd --server-side -f https://raw.githubusercontent.com/argoproj/argo-cd/v3.2.11/manifests/install.yaml", PUBLISHED),
    ("kubectl wait crd/applications.argoproj.io crd/appprojects.argoproj.io --for=condition=Established", By("tests/cluster/node.sh", "kubectl wait --for=condition=Established crd --all")),
    ("kubectl apply -k argocd/application", By("tests/e2e/argocd.rs", r#"repository.apply("argocd/application")"#)),
    ("kubectl wait application/hello --namespace argocd --for=jsonpath='{.status.health.status}'=Healthy --timeout=10m", By("tests/e2e/argocd.rs", r#"wait_until_synced_and_healthy("hello""#)),
    ("HELLO_MESSAGE='Good morning' HELLO_COLOR=teal make run", SETTINGS),
    ("HELLO_ACCESS_LOG=1 make run", SETTINGS),
    ("OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 make run", SETTINGS),
    ("make", By("tests/repository/make_targets.rs", "run_to_exit(make(&[]))")),
    ("make doctor", By("tests/repository/doctor/requirements.rs", r#"make.arg("doctor")"#)),
    ("make build", By(".ci/run", "make build")),
    ("make test", CI_TEST),
    ("make e2e", By(".ci/run", "\nmake e2e-cases &\n")),
    ("make monitoring", By("tests/e2e/monitoring.rs", r#"make("monitoring")"#)),
    ("make bench-quick", By(".ci/run", "\n  make bench-quick\n")),
    ("make bench", Not("it takes half an hour on an idle machine")),
    ("make hostile", By("tests/Cargo.toml", r#"path = "server/hostile/main.rs""#)),
    ("make soak", Not("it takes half an hour")),
    ("make deny", By("tests/repository/supply_chain.rs", r#"run("make", &["deny""#)),
    ("make scan", By(".ci/run", "scripts/scan.sh")),
    ("make instructions", By("tests/Cargo.toml", r#"path = "performance/instructions.rs""#)),
    ("make first-run", Not("it builds everything from a clone")),
    ("make picture", Not("a person has to look at the pictures")),
    ("make release", By("tests/repository/release.rs", r#"format!("make release VERSION={NEW}")"#)),
    // CONTRIBUTING.md
    ("CARGO_PROFILE_RELEASE_LTO=off make test", CI_TEST),
    ("cargo test --package hello", By("Makefile", "$(CARGO) test --locked --package hello ")),
    ("sudo apt-get install valgrind prometheus jq slowhttptest nghttp2-client shellcheck python3-venv strace unzip", By(".ci/run", "apt-get install")),
    ("sudo systemctl disable --now prometheus", Not("no service runs where the tests run")),
    ("PATH=~/.cache/hello/python-tools/bin:~/.cache/hello/node-tools/bin:~/.cache/hello/go-tools:~/.cache/hello/collector:$PATH", By(".ci/run", "PATH=$cache/cluster/bin:$cache/collector:$cache/python-tools/bin:$cache/node-tools/bin:$cache/go-tools:$PATH")),
    ("tests/infra/python-tools.sh ~/.cache/hello/python-tools", By(".ci/run", r#"tests/infra/python-tools.sh "$cache/python-tools""#)),
    ("tests/infra/node-tools.sh ~/.cache/hello/node-tools", By(".ci/run", r#"tests/infra/node-tools.sh "$cache/node-tools""#)),
    ("tests/infra/go-tools.sh ~/.cache/hello/go-tools", By(".ci/run", r#"tests/infra/go-tools.sh "$cache/go-tools""#)),
    ("tests/infra/collector/build.sh ~/.cache/hello/collector", By(".ci/run", r#"tests/infra/collector/build.sh "$cache/collector""#)),
    // hello-wasm/allocator/README.md
    ("MIRIFLAGS=-Zmiri-ignore-leaks cargo +nightly miri test --package hello-wasm-allocator", By(".github/workflows/ci.yaml", "cargo +nightly miri test --locked --package hello-wasm-allocator")),
    // tests/README.md
    ("cargo test --package tests --test limits", BLACKBOX),
    ("cargo test --package tests --test limits native", BLACKBOX),
    ("cargo test --package tests --test http_semantics 'wasi-0.3: '", BLACKBOX),
    // argocd/README.md
    ("make images RUNTIME=native", By("tests/e2e/install.rs", r#"follow(&workspace(), GUIDE, "Change the code and deploy it again")"#)),
    ("kubectl delete application/hello --namespace argocd --wait", By("tests/e2e/install.rs", r#"follow(&workspace(), GUIDE, "Remove it")"#)),
    ("kubectl apply --namespace argocd --server-side --filename https://raw.githubusercontent.com/argoproj/argo-cd/v3.2.11/manifests/install.yaml", PUBLISHED),
    ("kubectl patch configmap argocd-cm --namespace argocd --patch-file argocd/health.yaml", By("tests/e2e/argocd.rs", r#""--patch-file", "argocd/health.yaml""#)),
    ("kubectl port-forward service/argocd-server 8443:443 --namespace argocd", NO_SERVER),
    (r#"argocd login localhost:8443 --insecure --username admin --password "$(kubectl get secret argocd-initial-admin-secret --namespace argocd --output jsonpath='{.data.password}' | base64 --decode)""#, NO_SERVER),
    ("kubectl get applications --namespace argocd --watch", Not("it never ends")),
    // chart/README.md
    ("helm install hello chart --namespace hello --create-namespace", DEPLOY),
    ("helm upgrade hello chart --namespace hello --reset-then-reuse-values --set runtime=wasm", By("tests/e2e/disruption.rs", r#"hello.deploy("runtime=wasm")"#)),
    ("helm test hello --namespace hello", By("tests/e2e/install.rs", r#"helm("test")"#)),
    // docs/CANARY.md
    ("kubectl create namespace argo-rollouts", By("tests/cluster/node.sh", "\nkubectl create namespace argo-rollouts\n")),
    ("kubectl apply --namespace argo-rollouts --server-side --filename https://github.com/argoproj/argo-rollouts/releases/download/v1.10.1/install.yaml", PUBLISHED),
    ("kubectl apply -k canary/releases", By("tests/e2e/canary.rs", r#"repository.apply("canary/releases")"#)),
    // docs/OPERATIONS.md
    ("make cluster", By("Makefile", "@tests/cluster/cluster.sh run")),
    ("curl http://127.0.0.1:9090/log", LOG),
    ("curl --request PUT --data debug http://127.0.0.1:9090/log", LOG),
    // docs/YOUR-OWN-SERVICE.md
    ("make rename NAME=note-book", RENAME),
    (r#"git commit --message "Rename to note-book""#, By(FORK_GUIDE, "fork.commit()")),
    (r#"curl --json '{"text": "milk"}' http://127.0.0.1:8080/notes"#, NOTES),
    ("curl http://127.0.0.1:8080/notes", NOTES),
    ("python3 -m venv venv", By("tests/infra/python-tools.sh", "-m venv")),
    (". venv/bin/activate", By("tests/infra/python-tools.sh", "-m venv")),
    ("pip install componentize-py==0.25.1", By("tests/infra/python-tools.sh", "pip\" install")),
    (r#"wit=$(cargo metadata --locked --format-version 1 | jq -r '.packages[] | select(.name == "wasmtime-wasi-http").manifest_path')"#, PYTHON),
    (r#"componentize-py -d "${wit%Cargo.toml}wit" -w wasi:http/proxy componentize app -o app.wasm"#, PYTHON),
    ("dist/hello-host serve app.wasm", PYTHON),
];

/// Documents and headings of the blocks that `follow` runs.
type Followed = BTreeSet<(String, String)>;

/// A block of shell commands in a document.
struct Block {
    document: String,
    heading: String,
    /// Whether it is the first below its heading, which is the one that `follow` runs.
    is_first: bool,
    commands: Vec<String>,
}

impl Block {
    fn is_followed(&self, followed: &Followed) -> bool {
        self.is_first && followed.contains(&(self.document.clone(), self.heading.clone()))
    }
}

fn read(file: &str) -> String {
    fs::read_to_string(workspace().join(file)).expect(file)
}

fn shell_blocks() -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for document in git_files(&["*.md"]) {
        for CodeBlock { heading, text, .. } in code_blocks(&document, "sh") {
            let is_first = !blocks.iter().any(|block| block.document == document && block.heading == heading);
            blocks.push(Block { document: document.clone(), heading, is_first, commands: commands(&text) });
        }
    }
    blocks
}

/// Returns the commands of a block, without comments, and with continued lines joined.
fn commands(text: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = line.split(" # ").next().unwrap_or_default().trim();
        match commands.last_mut() {
            Some(open) if open.ends_with('\\') || open.ends_with('|') => {
                *open = format!("{} {line}", open.trim_end_matches('\\').trim_end());
            }
            _ => commands.push(line.to_owned()),
        }
    }
    commands
}

/// Returns the blocks that the e2e tests follow. A call names the heading, and the document unless the file has the constant `GUIDE`.
fn followed_blocks() -> Followed {
    let mut followed = BTreeSet::new();
    for file in git_files(&["tests/e2e/*.rs"]) {
        let source = read(&file);
        let guide = source.split_once("const GUIDE: &str = \"").and_then(|(_, rest)| rest.split('"').next());
        for call in source.split("follow(").skip(1) {
            let arguments = call.split(';').next().unwrap_or_default();
            let strings: Vec<_> = arguments.split('"').skip(1).step_by(2).collect();
            if let ([document, heading], _) | ([heading], Some(document)) = (&strings[..], &guide) {
                followed.insert(((*document).to_owned(), (*heading).to_owned()));
            }
        }
    }
    followed
}

fn each_command_is_followed_or_listed(blocks: &[Block], followed: &Followed) -> Result<(), Failed> {
    let unknown = blocks.iter().filter(|block| !block.is_followed(followed)).flat_map(|block| {
        let unlisted = block.commands.iter().filter(|command| !COMMANDS.iter().any(|(listed, _)| listed == command));
        unlisted.map(move |command| format!("{}, {}: {command}", block.document, block.heading))
    });
    let unknown: Vec<_> = unknown.collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let fix = "let an e2e test `follow` the block, or list them in tests/repository/documented_commands.rs";
    Err(format!("nothing runs these commands; {fix}:\n  {}", unknown.join("\n  ")).into())
}

fn each_entry_is_current(blocks: &[Block], followed: &Followed) -> Result<(), Failed> {
    for (document, heading) in followed {
        if !blocks.iter().any(|block| (&block.document, &block.heading) == (document, heading)) {
            return Err(format!("{document} has no shell block below {heading}").into());
        }
    }
    let commands = || blocks.iter().filter(|block| !block.is_followed(followed)).flat_map(|block| &block.commands);
    for (command, run) in COMMANDS {
        if !commands().any(|found| found == command) {
            return Err(format!("{command} is in no document, or a test follows its block").into());
        }
        match run {
            Not(reason) => println!("not run: {command}: {reason}"),
            // A renamed fork does not have the test of the guide that it has followed.
            By(FORK_GUIDE, _) if !workspace().join(FORK_GUIDE).exists() => {}
            By(file, text) if read(file).contains(text) => {}
            By(file, text) => return Err(format!("{file} does not run {command}: it lacks {text:?}").into()),
        }
    }
    Ok(())
}

/// Commands in a block of another language would not be found.
fn each_shell_block_is_marked_sh() -> Result<(), Failed> {
    for document in git_files(&["*.md"]) {
        for CodeBlock { heading, language, .. } in all_code_blocks(&document) {
            if ["", "console", "bash", "shell"].contains(&&*language) {
                return Err(format!("{document}, {heading}: mark the block of {language:?} as sh or text").into());
            }
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let documents = Arc::new((shell_blocks(), followed_blocks()));
    let check = |name: &str, check: fn(&[Block], &Followed) -> Result<(), Failed>| {
        let documents = documents.clone();
        trial(name, None, move || check(&documents.0, &documents.1))
    };
    run_trials(vec![
        check("each command is followed or listed", each_command_is_followed_or_listed),
        check("each entry is current", each_entry_is_current),
        trial("each shell block is marked sh", None, each_shell_block_is_marked_sh),
    ])
}
