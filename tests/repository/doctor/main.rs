//! `make doctor` and scripts/build.sh on machines that lack something.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use tempfile::TempDir;
use tests::{Exit, program, run_to_exit, workspace};

/// A machine by what is on its PATH: what every machine has, what a test gives it, and nothing else.
struct Machine(TempDir);

impl Machine {
    fn bare() -> Self {
        let machine = Machine(tempfile::tempdir().expect("a directory"));
        for name in [
            "bash", "cut", "dirname", "env", "grep", "head", "mkdir", "mktemp", "rm", "sed", "sh", "sort", "tail",
            "tr", "uname",
        ] {
            machine.link(name);
        }
        machine
    }

    /// With all that is needed, in the real programs of this machine, and nothing that is not. Memory is that of a stand-in.
    fn enough() -> Self {
        let machine = Machine::bare();
        for name in ["as", "cargo", "cc", "ld", "make", "rustc", "rustup"] {
            machine.link(name);
        }
        machine.with_memory(8000)
    }

    fn with_memory(self, available: u32) -> Self {
        self.with("free", &format!("echo 'Mem: 16000 1000 100 10 1000 {available}'"))
    }

    fn link(&self, name: &str) {
        if let Some(real) = program(name) {
            symlink(real, self.path().join(name)).expect("a link");
        }
    }

    fn without(self, name: &str) -> Self {
        fs::remove_file(self.path().join(name)).expect("it was there");
        self
    }

    /// A stand-in. A child writes it: a file that is open here, in whichever thread, cannot be executed.
    fn with(self, name: &str, script: &str) -> Self {
        let path = self.path().join(name);
        _ = fs::remove_file(&path);
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"printf '#!/bin/sh\n%s\n' "$2" >"$1" && chmod +x "$1""#, "sh"]).arg(path).arg(script);
        assert!(run_to_exit(shell).succeeded());
        self
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn doctor(&self) -> Exit {
        let mut script = Command::new(self.path().join("bash"));
        script.arg(workspace().join("scripts/doctor.sh")).env("PATH", self.path());
        run_to_exit(script)
    }

    /// That it exits so, and says something of something.
    fn says(&self, code: i32, said: &[(&str, &str)]) {
        let exit = self.doctor();
        assert_eq!(exit.code, Some(code), "{}", exit.output());
        assert_eq!(exit.stderr, "");
        for (of, what) in said {
            assert!(is_said(&exit, of, what), "nowhere {what:?} of {of}:\n{}", exit.stdout);
        }
    }
}

fn is_said(exit: &Exit, of: &str, what: &str) -> bool {
    exit.stdout.lines().any(|line| line.get(6..).is_some_and(|line| line.starts_with(of)) && line.contains(what))
}

const FINE: [(&str, &str); 2] = [("native here", "works: make run RUNTIME=native"), ("wasm here", "works: make run")];

#[test]
fn both_runtimes_work_here() {
    let mut make = Command::new("make");
    make.arg("doctor").current_dir(workspace());
    let exit = run_to_exit(make);
    assert!(exit.succeeded(), "{}", exit.output());
    let mut rustc = Command::new("rustc");
    rustc.arg("--version");
    let rustc = run_to_exit(rustc).stdout;
    for (of, what) in [&FINE[..], &[("Rust", rustc.split(' ').nth(1).expect("a version"))]].concat() {
        assert!(is_said(&exit, of, what), "nowhere {what:?} of {of}:\n{}", exit.stdout);
    }
    assert!(!exit.stdout.contains('\u{1b}'), "colours where there is no terminal");
}

#[test]
fn what_can_be_done_without_fails_nothing() {
    Machine::enough().says(0, &FINE);
    Machine::enough().says(
        0,
        &[
            ("image builder", "none of docker, podman and buildah is here"),
            ("helm", "is not here: https://helm.sh/docs/intro/install says how"),
            ("kubectl", "is not here: https://kubernetes.io/docs/tasks/tools says how"),
            ("local cluster", "neither minikube nor kind is here"),
            ("spin", "is not here: https://spinframework.dev/install says how"),
            ("Kubernetes", "minikube start"),
            ("spin here", "missing: spin"),
            ("native in the cluster", "missing: helm, kubectl, a cluster, its image on a node"),
        ],
    );
    Machine::enough().with("brew", "").says(0, &[("helm", "brew install helm")]);
    Machine::enough()
        .with("docker", "echo 'Cannot connect to the Docker daemon'; exit 1")
        .says(0, &[("image builder", "docker's daemon does not answer")]);
    Machine::enough()
        .with("docker", "echo 'permission denied while trying to connect'; exit 1")
        .says(0, &[("image builder", r#"sudo usermod -aG docker "$USER""#)]);
}

#[test]
fn what_is_needed_fails() {
    let native = |what| ("native here", what);
    Machine::enough().without("rustc").without("rustup").says(
        1,
        &[
            ("Rust", "| sh"),
            ("wasm32-wasip2", "comes with Rust"),
            native("missing: Rust"),
            ("wasm here", "missing: Rust"),
        ],
    );
    let old = "echo 'rustc 1.60.0 (7737e0b5c 2022-04-04)'";
    Machine::enough()
        .with("rustc", old)
        .says(1, &[("Rust", "1.60.0 is too old; 1.95 or newer: rustup update stable"), native("missing: Rust 1.95")]);
    Machine::enough().with("rustc", old).without("rustup").says(1, &[("Rust", "https://rustup.rs always has")]);
    Machine::enough().without("cc").with("apt-get", "").says(
        1,
        &[("C compiler", "cc is not installed: sudo apt-get install build-essential"), native("missing: a C compiler")],
    );
    Machine::enough()
        .with("cc", "exit 1")
        .with("dnf", "")
        .says(1, &[("C compiler", "does not find the headers of C: sudo dnf install gcc make")]);
    Machine::enough()
        .without("ld")
        .with("pacman", "")
        .says(1, &[("C compiler", "does not link a program (is ld installed?): sudo pacman -S base-devel")]);
    Machine::enough().without("make").says(1, &[("make", "is not here"), native("missing: make")]);
}

#[test]
fn too_little_memory_is_reported() {
    Machine::enough().says(0, &[("memory", "8000 MiB available")]);
    Machine::enough().with_memory(2500).says(0, &[("memory", "enough for make run; make build needs 3 GiB"), FINE[1]]);
    Machine::enough()
        .with_memory(1500)
        .says(1, &[("memory", "needs 2 GiB by make run"), ("wasm here", "missing: memory")]);
    Machine::enough().without("free").says(0, &[("memory", "unknown")]);
}

#[test]
fn make_build_needs_musl_on_linux() {
    let machine = || Machine::enough().with("uname", "[ \"$1\" = -m ] && echo x86_64 || echo Linux");
    machine().with("apt-get", "").says(
        0,
        &[
            ("make build", "x86_64-unknown-linux-musl: musl-gcc is not installed: sudo apt-get install musl-tools"),
            FINE[1],
        ],
    );
    let new = "[ \"$1\" = --version ] && echo 'rustc 1.99.0' || echo /nowhere";
    machine()
        .with("musl-gcc", "")
        .with("rustc", new)
        .says(0, &[("make build", "rustup target add x86_64-unknown-linux-musl")]);
}

/// Before cargo is started.
#[test]
fn a_build_reports_what_is_missing_in_one_line() {
    let no_musl = || Machine::enough().with("uname", "[ \"$1\" = -m ] && echo x86_64 || echo Linux");
    for (machine, profile, kind, said) in [
        (Machine::enough().without("rustc"), "quick", "program", "Rust not installed; 1.95 or newer: curl "),
        (Machine::enough().with("rustc", "echo 'rustc 1.60.0'"), "quick", "program", "rustup update stable"),
        (
            Machine::enough().without("cc").with("apt-get", ""),
            "quick",
            "component",
            "C compiler: cc is not installed: sudo apt-get install build-essential",
        ),
        (
            no_musl().with("dnf", ""),
            "release",
            "program",
            "x86_64-unknown-linux-musl: musl-gcc is not installed: sudo dnf install musl-gcc",
        ),
        (
            no_musl()
                .with("musl-gcc", "")
                .with("rustup", "exit 1")
                .with("rustc", "[ $1 = --version ] && echo 'rustc 1.99.0'"),
            "release",
            "program",
            "rustup target add x86_64-unknown-linux-musl",
        ),
    ] {
        let machine = machine.with("cargo", "echo cargo was started; exit 1");
        let mut build = Command::new(machine.path().join("bash"));
        build.arg(workspace().join("scripts/build.sh")).args([profile, kind, "--package", "hello-native"]);
        let target_dir = tempfile::tempdir().expect("a directory");
        build.env("PATH", machine.path()).env("CARGO_TARGET_DIR", target_dir.path()).env_remove("CARGO");
        let exit = run_to_exit(build);
        assert_eq!(exit.code, Some(1), "{said}: {}", exit.output());
        assert!(exit.stderr.contains(said) && exit.stderr.lines().count() == 1, "{said}: {}", exit.output());
        assert_eq!(exit.stdout, "");
    }
}

#[test]
fn the_target_for_wasm_comes_by_itself_where_it_can() {
    let new = "[ \"$1\" = --version ] && echo 'rustc 1.99.0' || echo /nowhere";
    Machine::enough().with("rustc", new).says(0, &[("wasm32-wasip2", "the first make run"), FINE[1]]);
    Machine::enough()
        .with("rustc", new)
        .without("rustup")
        .says(1, &[("wasm32-wasip2", "not installed"), FINE[0], ("wasm here", "missing: wasm32-wasip2")]);
}

#[test]
fn a_cluster_that_does_not_answer_is_started() {
    let kubectl = r#"
        case "$*" in
            'config current-context') echo minikube ;;
            *version\ --client*) echo 'Client Version: v1.34.4' ;;
            *) echo 'The connection to the server 192.168.49.2:8443 was refused' >&2; exit 1 ;;
        esac"#;
    Machine::enough().with("kubectl", kubectl).with("helm", "echo v4.3.1").says(
        0,
        &[
            ("kubectl", "v1.34.4"),
            (
                "Kubernetes",
                "minikube does not respond (The connection to the server 192.168.49.2:8443 was refused): minikube start",
            ),
            ("wasm in the cluster", "missing: a cluster that answers"),
        ],
    );
}

/// Who may see one namespace is not told that what he cannot see is missing.
#[test]
fn what_is_forbidden_is_not_called_missing() {
    let kubectl = r#"
        case "$*" in
            *current-context*) echo prod ;;
            *version\ --client*) echo 'Client Version: v1.34.5' ;;
            *version*) echo 'Server Version: v1.34.4' ;;
            *nodes*|*\ crd\ *|*runtimeclass*|*apiservice*|*--all-namespaces*)
                echo 'Error from server (Forbidden): User "dev" cannot list resource at the cluster scope' >&2; exit 1 ;;
            *get\ deployments*--output\ name*) echo deployment.apps/hello ;;
            *get\ pods*) echo 'hello-abc|True|' ;;
        esac"#;
    let machine = Machine::enough().with("kubectl", kubectl).with("helm", "echo v4.3.1");
    let invisible =
        ["nodes", "images", "RuntimeClass", "Spin operator", "Prometheus", "Argo CD", "metrics-server", "NodePort"];
    machine.says(0, &invisible.map(|of| (of, "not visible to you")));
    machine.says(0, &[("pods", "ready: hello-abc"), ("wasm in the cluster", "nothing that you may see is missing")]);
    let said = machine.doctor().stdout;
    assert!(!said.contains("is free") && !said.contains("kubectl apply") && !said.contains("is not there"), "{said}");
}

/// The words are those of kubectl 1.34.
#[test]
fn why_a_configuration_is_not_read_is_said() {
    let cannot_log_in = |said: &str| {
        format!(
            "case \"$*\" in *current-context*) echo prod ;; *--client*) echo 'Client Version: v1.34.5' ;; \
             *) printf '{said}\\n' >&2; exit 1 ;; esac"
        )
    };
    let broken = "echo 'error: error loading config file \"/a\": yaml: line 1: did not find' >&2; exit 1";
    let without_user = cannot_log_in("Please enter Username: error: EOF");
    let without_plugin = cannot_log_in(
        "Unable to connect to the server: getting credentials: exec: executable aws-iam-nothing not found\\n\\nIt looks like\\n  https://k8s",
    );
    let without_rights = cannot_log_in("error: You must be logged in to the server (Unauthorized)");
    for (kubectl, said) in [
        (
            without_rights.as_str(),
            "prod does not respond (You must be logged in to the server (Unauthorized)): start it",
        ),
        (broken, "cannot read its configuration: error loading config file \"/a\": yaml: line 1"),
        (without_user.as_str(), "context prod has no user with credentials"),
        (
            without_plugin.as_str(),
            "(Unable to connect to the server: getting credentials: exec: executable aws-iam-nothing not found)",
        ),
    ] {
        Machine::enough().with("kubectl", kubectl).says(0, &[("Kubernetes", said)]);
    }
}

/// Whatever kubectl asks for, nobody is waited for.
#[test]
fn kubectl_has_no_terminal_to_ask_on() {
    let machine = Machine::enough().with("kubectl", "read -r name; echo \"Client Version: v$name\"");
    let (input, mut terminal) = std::io::pipe().expect("a pipe");
    let mut script = Command::new(machine.path().join("bash"));
    script.arg(workspace().join("scripts/doctor.sh")).env("PATH", machine.path()).stdin(input);
    let exit = run_to_exit(script);
    assert!(exit.succeeded(), "{}", exit.output());
    std::io::Write::write_all(&mut terminal, b"\n").expect_err("nobody reads it");
}

/// What docs/TROUBLESHOOTING.md explains is looked for.
#[test]
fn the_symptoms_of_the_docs_are_known() {
    let read = |file| fs::read_to_string(workspace().join(file)).expect(file);
    let sources = fs::read_dir(workspace().join("tools/src/doctor")).expect("the doctor's sources");
    let doctor: String = sources.map(|file| fs::read_to_string(file.expect("a file").path()).expect("text")).collect();
    let docs = read("docs/TROUBLESHOOTING.md");
    let (_, docs) = docs.split_once("## In a cluster").expect("the symptoms in a cluster");
    let cells = docs.lines().filter(|line| line.starts_with("| `")).filter_map(|row| row.split(" | ").next());
    let symptoms: Vec<_> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(symptoms.len() > 8, "{symptoms:?}");
    for symptom in symptoms {
        assert!(doctor.contains(symptom), "tools/src/doctor does not know {symptom:?}");
    }
}
