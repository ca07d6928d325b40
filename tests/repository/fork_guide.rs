//! docs/YOUR-OWN-SERVICE.md, followed in a copy of the repository: the fork gets a name of its own and the handler of the guide, and each
//! runtime serves it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::LazyLock,
    time::Duration,
};

use serde_json::json;
use tests::{
    Missing, Protocol, Server, code_blocks, command_without_cargo_variables, dist_file, git_files, request,
    run_to_exit, run_to_exit_within, run_trials, send, trial, workspace,
};

const GUIDE: &str = "docs/YOUR-OWN-SERVICE.md";

/// Limit on the changed lines that the guide promises.
const MAX_LINES: u32 = 29;

/// Time limit of each command, some of which compile.
const BUILD_TIMEOUT: Duration = Duration::from_mins(40);

/// The fork, which the first trial creates.
static FORK: LazyLock<Fork> = LazyLock::new(Fork::new);

/// A copy of this repository.
struct Fork(PathBuf);

impl Fork {
    /// Follows the guide, always in the same folder, so that cargo builds dependencies only once.
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("own-service/fork");
        _ = fs::remove_dir_all(&folder);
        let fork = Fork::copy(folder);
        fork.run("make", &["rename", "NAME=note-book"]);
        fork.commit();
        let [routes] = &code_blocks(GUIDE, "rust")[..] else { panic!("{GUIDE} needs one Rust block") };
        let [changes] = &code_blocks(GUIDE, "diff")[..] else { panic!("{GUIDE} needs one diff block") };
        fs::write(fork.0.join("note-book/src/notes.rs"), &routes.text).expect("the file is written");
        fs::write(fork.0.join("changes.diff"), &changes.text).expect("the file is written");
        fork.run("git", &["apply", "changes.diff"]);
        fs::remove_file(fork.0.join("changes.diff")).expect("the file is removed");
        fork.run("git", &["add", "--all"]);
        fork
    }

    /// Copies the files that git tracks or would add.
    fn copy(folder: PathBuf) -> Self {
        fs::create_dir_all(&folder).expect("the folder is created");
        for file in git_files(&["."]) {
            let to = folder.join(&file);
            fs::create_dir_all(to.parent().expect("the file is in a folder")).expect("the folder is created");
            fs::copy(workspace().join(file), to).expect("the file is copied");
        }
        let fork = Fork(folder);
        fork.run("git", &["init", "--quiet"]);
        fork.run("git", &["add", "--all"]);
        fork.commit();
        fork
    }

    fn commit(&self) {
        let author = ["-c", "user.name=test", "-c", "user.email=test@test", "-c", "commit.gpgsign=false"];
        self.run("git", &[&author[..], &["commit", "--quiet", "--message", "fork"]].concat());
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = command_without_cargo_variables(program);
        command.current_dir(&self.0).args(arguments);
        // A target folder of its own, and no LTO, as speed is not tested.
        command.env("CARGO_TARGET_DIR", self.0.with_file_name("target")).env("CARGO_PROFILE_RELEASE_LTO", "off");
        command
    }

    /// Runs a program, which must succeed, and returns its standard output.
    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = self.command(program, arguments);
        command.stdin(Stdio::null());
        let exit = run_to_exit_within(BUILD_TIMEOUT, command);
        assert!(exit.succeeded(), "{program} {arguments:?}: {}", exit.output());
        exit.stdout
    }

    fn assert_name_is_rejected(&self, name: &str, error: &str) {
        let exit = run_to_exit(self.command("scripts/rename.sh", &[name]));
        assert!(exit.code == Some(64) && exit.stderr.contains(error), "{name}: {}", exit.output());
        assert_eq!(exit.output().lines().count(), 1, "{name}: {}", exit.output());
    }
}

fn changes_few_lines() {
    let changed = FORK.run("git", &["diff", "--cached", "--numstat"]);
    let lines: u32 = changed.split_whitespace().filter_map(|word| word.parse::<u32>().ok()).sum();
    let promised = fs::read_to_string(workspace().join(GUIDE)).expect(GUIDE).contains(&format!("in {lines} lines"));
    assert!(promised && lines <= MAX_LINES, "{lines} lines: {changed}");
}

/// The message is a setting and keeps the name.
fn leaves_no_old_name() {
    let text = FORK.run("git", &["grep", "-I", "--ignore-case", "hello", "--", ".", ":!scripts/rename.sh"]);
    let left: Vec<_> = text.lines().filter(|line| !line.contains("Hello from Rust in Kubernetes!")).collect();
    assert!(left.is_empty() && text.contains("note-book/src/platform.rs"), "{left:#?}");
    let files = FORK.run("git", &["ls-files"]);
    assert!(
        !FORK.0.join("hello").exists() && !files.contains("hello") && files.contains("manifests/wasm/note-book.yaml"),
        "{files}"
    );
    FORK.assert_name_is_rejected("diary", "has been renamed already");
}

fn rejects_invalid_names() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let fork = Fork::copy(folder.path().to_owned());
    for (name, error) in [
        ("", "no name was given"),
        ("My-Service", "letters a-z, digits and dashes"),
        ("9lives", "beginning with a letter"),
        ("note-2", "also after a dash"),
        ("note-", "also after a dash"),
        ("a.b/c", "letters a-z, digits and dashes"),
        ("match", "a word of Rust"),
        ("std", "a word of Rust"),
        ("tokio", "is taken"),
        ("form-urlencoded", "is taken"),
        ("docs", "is taken"),
    ] {
        fork.assert_name_is_rejected(name, error);
    }
    fs::write(fork.0.join("new"), "").expect("the file is written");
    fork.assert_name_is_rejected("note-book", "not committed");
    fs::remove_file(fork.0.join("new")).expect("the file is removed");
    let status = fork.run("git", &["status", "--porcelain"]);
    assert_eq!(status, "");
}

fn passes_the_checks_of_its_handler() {
    FORK.run("cargo", &["fmt", "--all", "--check"]);
    FORK.run("cargo", &["clippy", "--locked", "--package", "note-book", "--all-targets", "--", "--deny", "warnings"]);
    FORK.run("cargo", &["test", "--locked", "--package", "note-book"]);
}

/// The responses are the same, except for what each runtime keeps in memory. The host is ours: it serves any component, and a host of the
/// fork would take minutes to link.
fn serves_its_routes_with_each_runtime() {
    FORK.run("make", &["components", "note-book-native"]);
    let built = |name: &str| FORK.0.join("dist").join(name);
    let host = |component: &str, flags: &[&str]| {
        let mut host = Command::new(dist_file("hello-host"));
        host.arg("serve").arg(built(component)).args(flags);
        host
    };
    // One instance of WASI 0.3, which stays.
    let one = ["--max-instances", "1", "--idle-instance-timeout", "1h"];
    let responses = [
        ("native", Command::new(built("note-book-native")), true),
        ("wasi-0.3", host("note-book-wasi-0.3.wasm", &one), true),
        ("wasi-0.2", host("note-book-wasi-0.2.wasm", &[]), false),
    ]
    .map(|(runtime, mut command, keeps_notes)| {
        // As flags: variables of the host have the old name, and those of the native program the new one.
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log", "debug"]);
        let server = Server::start(command);
        assert_eq!(server.get("/").json()["runtime"], runtime);
        let send = |method: &str, content_type: &'static str, body: &'static str| {
            let mut request = request(method, "/notes", body);
            request.headers_mut().insert("content-type", content_type.parse().expect("the value is valid"));
            // Otherwise each server generates another id.
            request.headers_mut().insert("x-request-id", "1".parse().expect("the value is valid"));
            send(server.address, Protocol::Http1, request)
        };
        let list = || send("GET", "", "");
        let add = |content_type, body| send("POST", content_type, body);
        let responses = [
            list(),
            add("application/json", r#"{"text": "milk"}"#),
            add("application/json", r#"{"text": "grüße"}"#),
            add("application/json", r#"{"text": 1}"#),
            add("application/json", r#"{"text"#),
            add("text/plain", "milk"),
            send("DELETE", "", ""),
        ];
        let notes = if keeps_notes { json!([{"text": "grüße"}, {"text": "milk"}]) } else { json!([]) };
        assert_eq!(list().json(), notes, "{runtime}");
        responses.map(|response| response.comparable())
    });
    let statuses: Vec<_> = responses[0].iter().map(|(status, _, _)| status.as_u16()).collect();
    assert_eq!(statuses, [200, 201, 201, 422, 400, 415, 405]);
    assert_eq!(responses[0][1].2, json!({"text": "milk"}));
    assert_eq!(responses[0], responses[1]);
    assert_eq!(responses[0], responses[2]);
}

fn renders_the_same_chart() {
    FORK.run("helm", &["lint", "--strict", "chart"]);
    for runtime in ["native", "wasm", "spin"] {
        let set = format!("runtime={runtime}");
        let ours = run_to_exit({
            let mut helm = Command::new("helm");
            helm.current_dir(workspace()).args(["template", "hello", "chart", "--set", &set]);
            helm
        });
        let theirs = FORK.run("helm", &["template", "note-book", "chart", "--set", &set]);
        assert!(theirs.contains(&format!("image: \"note-book-{runtime}:")), "{theirs}");
        assert_eq!(ours.stdout.replace("hello", "note-book").replace("HELLO", "NOTE_BOOK"), theirs);
    }
    FORK.run("scripts/manifests.sh", &["manifests"]);
    let changed = FORK.run("git", &["diff", "--stat", "manifests"]);
    assert_eq!(changed, "");
}

fn main() -> ExitCode {
    let check = |name: &str, missing, check: fn()| {
        trial(name, missing, move || {
            check();
            Ok(())
        })
    };
    run_trials(vec![
        check("changes as few lines as the guide promises", None, changes_few_lines),
        check("leaves no old name", None, leaves_no_old_name),
        check("rejects other names", None, rejects_invalid_names),
        check("passes the checks of its handler", None, passes_the_checks_of_its_handler),
        check("serves its routes with each runtime", None, serves_its_routes_with_each_runtime),
        check("renders the same chart", Missing::programs(&["helm"]), renders_the_same_chart),
    ])
}
