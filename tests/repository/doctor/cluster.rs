//! A machine whose kubectl reports an error. The reports about a real cluster are tested by tests/e2e/.

use std::{fs, process::Command};

use tests::{run_to_exit, workspace};

use crate::machine::Machine;

#[test]
fn cluster_that_does_not_respond_has_a_command_to_start_it() {
    let kubectl = r#"
        case "$*" in
            'config current-context') echo minikube ;;
            *version\ --client*) echo 'Client Version: v1.34.4' ;;
            *) echo 'The connection to the server 192.168.49.2:8443 was refused' >&2; exit 1 ;;
        esac"#;
    Machine::sufficient().with("kubectl", kubectl).with("helm", "echo v4.3.1").assert_report(
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

/// The user may see one namespace only.
#[test]
fn forbidden_resources_are_not_reported_as_missing() {
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
    let machine = Machine::sufficient().with("kubectl", kubectl).with("helm", "echo v4.3.1");
    let invisible =
        ["nodes", "images", "RuntimeClass", "Spin operator", "Prometheus", "Argo CD", "metrics-server", "NodePort"];
    machine.assert_report(0, &invisible.map(|of| (of, "not visible to you")));
    machine.assert_report(
        0,
        &[("pods", "ready: hello-abc"), ("wasm in the cluster", "nothing that you may see is missing")],
    );
    let report = machine.doctor().stdout;
    for text in ["is free", "kubectl apply", "is not there"] {
        assert!(!report.contains(text), "{report}");
    }
}

/// The errors are those of kubectl 1.34.
#[test]
fn error_of_the_kubectl_configuration_is_reported() {
    let fails_with = |error: &str| {
        format!(
            "case \"$*\" in *current-context*) echo prod ;; *--client*) echo 'Client Version: v1.34.5' ;; \
             *) printf '{error}\\n' >&2; exit 1 ;; esac"
        )
    };
    let broken = "echo 'error: error loading config file \"/a\": yaml: line 1: did not find' >&2; exit 1";
    let without_user = fails_with("Please enter Username: error: EOF");
    let without_plugin = fails_with(
        "Unable to connect to the server: getting credentials: exec: executable aws-iam-nothing not found\\n\\nIt looks like\\n  https://k8s",
    );
    let without_rights = fails_with("error: You must be logged in to the server (Unauthorized)");
    for (kubectl, error) in [
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
        Machine::sufficient().with("kubectl", kubectl).assert_report(0, &[("Kubernetes", error)]);
    }
}

/// kubectl cannot prompt for anything.
#[test]
fn kubectl_gets_no_input() {
    let machine = Machine::sufficient().with("kubectl", "read -r name; echo \"Client Version: v$name\"");
    let (input, mut terminal) = std::io::pipe().expect("a pipe is created");
    let mut script = Command::new(machine.path().join("bash"));
    script.arg(workspace().join("scripts/doctor.sh")).env("PATH", machine.path()).stdin(input);
    let exit = run_to_exit(script);
    assert!(exit.succeeded(), "{}", exit.output());
    std::io::Write::write_all(&mut terminal, b"\n").expect_err("the pipe has a reader");
}

/// The doctor looks for each symptom of docs/TROUBLESHOOTING.md.
#[test]
fn doctor_knows_the_symptoms_of_the_docs() {
    let read = |file| fs::read_to_string(workspace().join(file)).expect(file);
    let sources = fs::read_dir(workspace().join("tools/src/doctor")).expect("the doctor's sources");
    let doctor: String = sources.map(|file| fs::read_to_string(file.expect("a file").path()).expect("text")).collect();
    let docs = read("docs/TROUBLESHOOTING.md");
    let (_, docs) = docs.split_once("## In a cluster").expect("the page has the table of symptoms");
    let cells = docs.lines().filter(|line| line.starts_with("| `")).filter_map(|row| row.split(" | ").next());
    let symptoms: Vec<_> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(symptoms.len() > 8, "{symptoms:?}");
    for symptom in symptoms {
        assert!(doctor.contains(symptom), "tools/src/doctor does not know {symptom:?}");
    }
}
