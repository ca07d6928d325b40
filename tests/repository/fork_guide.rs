//! docs/YOUR-OWN-SERVICE.md, done to a copy: it gets a name of its own and the handler of the document, and is built and served by
//! every runtime.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::LazyLock,
};

use libtest_mimic::{Arguments, Trial};
use serde_json::json;
use tests::{Protocol, Server, blocks, dist, from_a_shell, is_missing, request, run_to_exit, send, workspace};

const GUIDE: &str = "docs/YOUR-OWN-SERVICE.md";

/// What the document promises: lines that are another or new.
const MOST_LINES: u32 = 29;

/// The document done to a copy, by whichever case wants it first.
static FORK: LazyLock<Fork> = LazyLock::new(Fork::new);

/// A copy of what git would commit here.
struct Fork(PathBuf);

impl Fork {
    /// Always in the same place, so that cargo builds dependencies only once.
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("own-service/fork");
        _ = fs::remove_dir_all(&folder);
        let fork = Fork::copy(folder);
        fork.run("make", &["rename", "NAME=note-book"]);
        fork.commit();
        let [routes] = &blocks(GUIDE, "rust")[..] else { panic!("{GUIDE} has one file in Rust") };
        let [changes] = &blocks(GUIDE, "diff")[..] else { panic!("{GUIDE} has one patch") };
        fs::write(fork.0.join("note-book/src/notes.rs"), &routes.text).expect("written");
        fs::write(fork.0.join("changes.diff"), &changes.text).expect("written");
        fork.run("git", &["apply", "changes.diff"]);
        fs::remove_file(fork.0.join("changes.diff")).expect("removed");
        fork.run("git", &["add", "--all"]);
        fork
    }

    fn copy(folder: PathBuf) -> Self {
        fs::create_dir_all(&folder).expect("a folder");
        let mut git = Command::new("git");
        git.current_dir(workspace()).args(["ls-files", "--cached", "--others", "--exclude-standard"]);
        let listed = run_to_exit(git);
        assert!(listed.succeeded(), "{}", listed.output());
        // One that was removed but is not committed is still listed.
        for file in listed.stdout.lines().filter(|file| workspace().join(file).exists()) {
            let to = folder.join(file);
            fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
            fs::copy(workspace().join(file), to).expect("a copy");
        }
        let fork = Fork(folder);
        fork.run("git", &["init", "--quiet"]);
        fork.run("git", &["add", "--all"]);
        fork.commit();
        fork
    }

    fn commit(&self) {
        let who = ["-c", "user.name=test", "-c", "user.email=test@test", "-c", "commit.gpgsign=false"];
        self.run("git", &[&who[..], &["commit", "--quiet", "--message", "fork"]].concat());
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = from_a_shell(program);
        command.current_dir(&self.0).args(arguments);
        // Apart from ours, and without the optimisation that takes the longest: it is not measured.
        command.env("CARGO_TARGET_DIR", self.0.with_file_name("target")).env("CARGO_PROFILE_RELEASE_LTO", "off");
        command
    }

    /// However long that takes: some of it compiles.
    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let ran = self.command(program, arguments).stdin(Stdio::null()).output().expect(program);
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let (stdout, stderr) = (text(ran.stdout), text(ran.stderr));
        assert!(ran.status.success(), "{program} {arguments:?}: {stdout}{stderr}");
        stdout
    }

    fn refuses(&self, name: &str, said: &str) {
        let exit = run_to_exit(self.command("scripts/rename.sh", &[name]));
        assert!(exit.code == Some(64) && exit.stderr.contains(said), "{name}: {}", exit.output());
        assert_eq!(exit.output().lines().count(), 1, "{name}: {}", exit.output());
    }
}

fn is_as_short_as_promised() {
    let changed = FORK.run("git", &["diff", "--cached", "--numstat"]);
    let lines: u32 = changed.split_whitespace().filter_map(|word| word.parse::<u32>().ok()).sum();
    let promised = fs::read_to_string(workspace().join(GUIDE)).expect(GUIDE).contains(&format!("in {lines} lines"));
    assert!(promised && lines <= MOST_LINES, "{lines} lines: {changed}");
}

/// But for the message, which is a setting.
fn leaves_no_old_name() {
    let text = FORK.run("git", &["grep", "-I", "--ignore-case", "hello", "--", ".", ":!scripts/rename.sh"]);
    let left: Vec<_> = text.lines().filter(|line| !line.contains("Hello from Rust in Kubernetes!")).collect();
    assert!(left.is_empty() && text.contains("note-book/src/platform.rs"), "{left:#?}");
    let files = FORK.run("git", &["ls-files"]);
    assert!(
        !FORK.0.join("hello").exists() && !files.contains("hello") && files.contains("manifests/wasm/note-book.yaml"),
        "{files}"
    );
    FORK.refuses("diary", "has been renamed already");
}

fn refuses_other_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let fork = Fork::copy(folder.path().to_owned());
    for (name, said) in [
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
        fork.refuses(name, said);
    }
    fs::write(fork.0.join("new"), "").expect("written");
    fork.refuses("note-book", "not committed");
    fs::remove_file(fork.0.join("new")).expect("removed");
    let status = fork.run("git", &["status", "--porcelain"]);
    assert_eq!(status, "");
}

fn passes_the_checks_of_its_handler() {
    FORK.run("cargo", &["fmt", "--all", "--check"]);
    FORK.run("cargo", &["clippy", "--locked", "--package", "note-book", "--all-targets", "--", "--deny", "warnings"]);
    FORK.run("cargo", &["test", "--locked", "--package", "note-book"]);
}

/// With the same answers, but for what each keeps. The host is the one that is here: it serves any component, and a linked one of its
/// own would take minutes.
fn serves_its_routes_everywhere() {
    FORK.run("make", &["components", "note-book-native"]);
    let built = |name: &str| FORK.0.join("dist").join(name);
    let host = |component: &str, flags: &[&str]| {
        let mut host = Command::new(dist("hello-host"));
        host.arg("serve").arg(built(component)).args(flags);
        host
    };
    // Of WASI 0.3 one instance, which is not let go.
    let one = ["--max-instances", "1", "--idle-instance-timeout", "1h"];
    let answers = [
        ("native", Command::new(built("note-book-native")), true),
        ("wasi-0.3", host("note-book-wasi-0.3.wasm", &one), true),
        ("wasi-0.2", host("note-book-wasi-0.2.wasm", &[]), false),
    ]
    .map(|(runtime, mut command, keeps)| {
        // By flags: the host's variables have the old name, and the native binary's the new one.
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log", "debug"]);
        let server = Server::start(command);
        assert_eq!(server.get("/").json()["runtime"], runtime);
        let ask = |method: &str, content_type: &'static str, body: &'static str| {
            let mut ask = request(method, "/notes", body);
            ask.headers_mut().insert("content-type", content_type.parse().expect("a type"));
            // Each server would choose another.
            ask.headers_mut().insert("x-request-id", "1".parse().expect("an id"));
            send(server.address, Protocol::Http1, ask)
        };
        let list = || ask("GET", "", "");
        let add = |content_type, body| ask("POST", content_type, body);
        let answers = [
            list(),
            add("application/json", r#"{"text": "milk"}"#),
            add("application/json", r#"{"text": "grüße"}"#),
            add("application/json", r#"{"text": 1}"#),
            add("application/json", r#"{"text"#),
            add("text/plain", "milk"),
            ask("DELETE", "", ""),
        ];
        let kept = if keeps { json!([{"text": "grüße"}, {"text": "milk"}]) } else { json!([]) };
        assert_eq!(list().json(), kept, "{runtime}");
        answers.map(|answer| answer.comparable())
    });
    let statuses: Vec<_> = answers[0].iter().map(|(status, _, _)| status.as_u16()).collect();
    assert_eq!(statuses, [200, 201, 201, 422, 400, 415, 405]);
    assert_eq!(answers[0][1].2, json!({"text": "milk"}));
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
}

fn has_the_same_chart() {
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
    let has_helm = !is_missing("helm");
    let cases: [(&str, fn(), bool); 6] = [
        ("has as few lines as the document says", is_as_short_as_promised, true),
        ("leaves no old name", leaves_no_old_name, true),
        ("refuses other names", refuses_other_names, true),
        ("passes the checks of its handler", passes_the_checks_of_its_handler, true),
        ("serves its routes everywhere", serves_its_routes_everywhere, true),
        ("has the same chart", has_the_same_chart, has_helm),
    ];
    let trials = cases.map(|(name, case, can_run)| {
        let trial = Trial::test(name, move || {
            case();
            Ok(())
        });
        trial.with_ignored_flag(!can_run)
    });
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}
