//! The Git repository that Argo CD deploys from.

use std::{fs, path::PathBuf, process::Command};

use tempfile::TempDir;
use tests::{run_to_exit, workspace};

use crate::{
    cluster::{kubectl, remove_namespace, try_kubectl},
    guides::{follow, follow_except},
};

/// A clone of this repository with a history of its own. It pushes to a bare repository, from which Argo CD deploys.
pub(crate) struct Repository(TempDir);

impl Repository {
    pub(crate) fn new() -> Self {
        let repository = Repository(TempDir::new().expect("a temporary folder"));
        let mut copy = Command::new("cp");
        fs::create_dir(repository.folder()).expect("the folder is created");
        copy.arg("-r")
            .args(["chart", "argocd", "canary", "manifests", "README.md"].map(|folder| workspace().join(folder)))
            .arg(repository.folder());
        assert!(run_to_exit(copy).succeeded());
        // As in the README: the URL of the repository is the only value to change.
        let origin = repository.0.path().join("origin").display().to_string();
        let url = format!("file://{origin}");
        repository.replace("argocd/project/repository.yaml", "https://github.com/example/hello.git", &url);
        repository.git(&["init", "--quiet", "--bare", "--initial-branch=main", &origin]);
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        for (key, value) in
            [("user.name", "test"), ("user.email", "test@example.com"), ("push.autoSetupRemote", "true")]
        {
            repository.git(&["config", key, value]);
        }
        repository.git(&["remote", "add", "origin", &origin]);
        repository.commit("Unchanged");
        repository
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.0.path().join("clone")
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.current_dir(self.folder()).args(arguments);
        let exit = run_to_exit(git);
        assert!(exit.succeeded(), "git {}: {}", arguments.join(" "), exit.output());
        exit.stdout
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
        self.git(&["push", "--quiet"]);
    }

    pub(crate) fn replace(&self, file: &str, old: &str, new: &str) {
        let path = self.folder().join(file);
        let text = fs::read_to_string(&path).expect(file);
        assert!(text.contains(old), "{file} has no {old}");
        fs::write(path, text.replace(old, new)).expect(file);
    }

    /// Runs the commands of a guide, which commit and push.
    pub(crate) fn follow(&self, guide: &str, heading: &str) {
        follow(&self.folder(), guide, heading);
        notify();
    }

    /// Runs the commands of a guide, except for lines with these prefixes.
    pub(crate) fn follow_except(&self, guide: &str, heading: &str, without: &[&str]) {
        follow_except(&self.folder(), guide, heading, without);
    }

    /// Commits and pushes other values of the application.
    pub(crate) fn commit_values(&self, values: &str) {
        fs::write(self.folder().join("argocd/application/values.yaml"), values).expect("values.yaml");
        self.commit(values);
        notify();
    }

    /// Returns a guard that removes what a folder deploys.
    pub(crate) fn remove_on_drop(&self, folder: &str) -> Applied {
        Applied(self.folder().join(folder).display().to_string())
    }

    /// Applies a folder. The guard removes what it deploys.
    pub(crate) fn apply(&self, folder: &str) -> Applied {
        let applied = self.remove_on_drop(folder);
        kubectl(&["apply", "-k", &applied.0]);
        applied
    }
}

/// Drop guard: removes what a folder deploys.
pub(crate) struct Applied(String);

impl Drop for Applied {
    fn drop(&mut self) {
        _ = try_kubectl(&["delete", "-k", &self.0, "--wait=false"]);
        _ = try_kubectl(&["delete", "applications", "--all", "--namespace", "argocd", "--wait=false"]);
        // A sync would wait for minutes for an object that cannot become healthy.
        let applications = try_kubectl(&["get", "applications", "--namespace", "argocd", "--output", "name"]);
        for application in applications.stdout.lines() {
            let terminate = r#"{"status":{"operationState":{"phase":"Terminating"}}}"#;
            _ = try_kubectl(&["patch", application, "--namespace", "argocd", "--type=merge", "--patch", terminate]);
        }
        // Argo CD removes an application after the objects that it deployed.
        for _ in 0..3 {
            _ = try_kubectl(&[
                "wait",
                "--for=delete",
                "applications",
                "--all",
                "--namespace",
                "argocd",
                "--timeout=50s",
            ]);
        }
        // The next case creates a project with the same name.
        _ = try_kubectl(&["wait", "--for=delete", "appproject/hello", "--namespace", "argocd", "--timeout=50s"]);
        for namespace in ["hello", "hello-native", "hello-wasm", "hello-spin"] {
            remove_namespace(namespace);
        }
    }
}

/// Makes Argo CD look for a commit at once, as the webhook of a Git server does.
pub(crate) fn notify() {
    let refresh = "argocd.argoproj.io/refresh=normal";
    kubectl(&["annotate", "application/hello", "--namespace", "argocd", "--overwrite", refresh]);
}
