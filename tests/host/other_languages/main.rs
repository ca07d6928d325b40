//! Components that the tools of other languages make, as docs/YOUR-OWN-SERVICE.md says. Without these on PATH they are reported as
//! ignored.

use std::{
    fs,
    path::Path,
    process::{Command, ExitCode},
    thread,
};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::json;
use tests::{
    Protocol, Server, blocks, from_a_shell, host_with, is_missing, program, request, run_to_exit, send, workspace,
};

const GUIDE: &str = "docs/YOUR-OWN-SERVICE.md";

/// Requests at once, and instances: a component in Python consists of more than a dozen core instances, each of which the pool has.
const AT_ONCE: usize = 20;
const INSTANCES: &str = "3";

/// Starts the component with the host's defaults, but for the instances. In `folder` its machine code is kept.
fn start(component: &Path, folder: &Path) -> Server {
    let mut command = host_with(component);
    command.env("XDG_CACHE_HOME", folder).args(["--max-instances", INSTANCES]);
    Server::start(command)
}

fn assert_serves_at_once(server: &Server) {
    let statuses: Vec<_> = thread::scope(|scope| {
        let clients: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(|| server.get("/").status.as_u16())).collect();
        clients.into_iter().map(|client| client.join().expect("a response")).collect()
    });
    assert_eq!(statuses, [200; AT_ONCE]);
}

fn python() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let [app] = &blocks(GUIDE, "python")[..] else { return Err("there is one file in Python".into()) };
    fs::write(folder.path().join("app.py"), &app.text)?;
    let text = blocks(GUIDE, "sh").pop().ok_or("there are commands")?.text;
    // That is installed, in an environment of its own, by tests/infra/python-tools.sh.
    let (_, rest) = text.split_once("pip install ").ok_or("it is installed")?;
    let (package, rest) = rest.split_once('\n').ok_or("there are several")?;
    assert!(fs::read_to_string(workspace().join("tests/infra/python-tools.in"))?.lines().any(|line| line == package));
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

    let server = start(&folder.path().join(serve.trim()), folder.path());
    for path in ["/", "/any?where=here"] {
        let answer = server.get(path);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.json()["path"], json!(path));
        assert!(answer.json()["python"].as_str().is_some_and(|version| version.starts_with("3.")));
    }
    assert_serves_at_once(&server);
    Ok(())
}

/// What its `waitUntil` is given goes on after the response, whose body is a text of known length.
fn java_script() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let component = folder.path().join("app.wasm");
    let tool = program("componentize-js").ok_or("it is installed")?.canonicalize()?;
    // By tests/infra/node-tools.sh.
    let wit = tool.ancestors().map(|folder| folder.join("wit/world.wit")).find(|world| world.exists());
    let mut build = Command::new(tool);
    build.arg(workspace().join("tests/host/other_languages/app.js")).arg("--out").arg(&component);
    build.arg("--wit").arg(wit.as_deref().and_then(Path::parent).ok_or("its interfaces are there")?);
    build.args(["--world-name", "wasi:http/proxy"]);
    let exit = run_to_exit(build);
    exit.require(exit.succeeded())?;

    let server = start(&component, folder.path());
    for (count, (method, protocol)) in
        [("GET", Protocol::Http1), ("HEAD", Protocol::Http1), ("GET", Protocol::Http2)].into_iter().enumerate()
    {
        let response = send(server.address, protocol, request(method, "/any?where=here", ""));
        assert_eq!(response.status, 200, "{method} {protocol:?}");
        if method == "GET" {
            assert_eq!(response.json(), json!({ "path": "/any?where=here" }), "{protocol:?}");
        }
        server.wait_until_logged(count + 1, |line| line["output"] == "done later");
    }
    assert_serves_at_once(&server);
    Ok(())
}

fn main() -> ExitCode {
    let trials = vec![
        Trial::test("a component in Python", python)
            .with_ignored_flag(["componentize-py", "jq"].into_iter().any(is_missing)),
        Trial::test("a component in JavaScript", java_script).with_ignored_flag(is_missing("componentize-js")),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
