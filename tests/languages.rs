//! Components that the tools of other languages make, as docs/YOUR-OWN-SERVICE.md says. Without these on PATH they are reported as
//! ignored.

use std::{fs, process::ExitCode, thread};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::json;
use tests::{Server, blocks, from_a_shell, host_with, is_missing, workspace};

const GUIDE: &str = "docs/YOUR-OWN-SERVICE.md";

/// Requests at once, and instances: a component in Python consists of more than a dozen core instances, each of which the pool has.
const AT_ONCE: usize = 20;
const INSTANCES: &str = "3";

/// By the host's defaults, but for the instances.
fn python() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let [app] = &blocks(GUIDE, "python")[..] else { return Err("there is one file in Python".into()) };
    fs::write(folder.path().join("app.py"), &app.text)?;
    let text = blocks(GUIDE, "sh").pop().ok_or("there are commands")?.text;
    // That is installed, in an environment of its own, by tests/python-tools.sh.
    let (_, rest) = text.split_once("pip install ").ok_or("it is installed")?;
    let (package, rest) = rest.split_once('\n').ok_or("there are several")?;
    assert!(fs::read_to_string(workspace().join("tests/python-tools.in"))?.lines().any(|line| line == package));
    let (commands, serve) = rest.split_once("dist/hello-host serve ").ok_or("the last serves it")?;

    // In the folder of the project, but what is written goes elsewhere.
    let path = folder.path().display();
    let script =
        commands.replace("componentize app -o app.wasm", &format!("componentize -p '{path}' app -o '{path}/app.wasm'"));
    let mut shell = from_a_shell("sh");
    let built = shell.current_dir(workspace()).args(["-ec", &script]).output()?;
    if !built.status.success() {
        return Err(String::from_utf8_lossy(&built.stderr).into_owned().into());
    }

    let mut command = host_with(&folder.path().join(serve.trim()));
    // Where its machine code would be kept.
    command.env("XDG_CACHE_HOME", folder.path()).args(["--max-instances", INSTANCES]);
    let server = Server::start(command);
    for path in ["/", "/any?where=here"] {
        let answer = server.get(path);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.json()["path"], json!(path));
        assert!(answer.json()["python"].as_str().is_some_and(|version| version.starts_with("3.")));
    }
    let statuses: Vec<_> = thread::scope(|scope| {
        let clients: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(|| server.get("/").status.as_u16())).collect();
        clients.into_iter().map(|client| client.join().expect("a response")).collect()
    });
    assert_eq!(statuses, [200; AT_ONCE]);
    Ok(())
}

fn main() -> ExitCode {
    let is_ignored = ["componentize-py", "jq"].into_iter().any(is_missing);
    let trials = vec![Trial::test("a component in Python", python).with_ignored_flag(is_ignored)];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
