//! Components in other languages than Rust, by the commands of docs/YOUR-OWN-SERVICE.md.

use std::{
    fs,
    path::Path,
    process::{Command, ExitCode},
    thread,
};

use libtest_mimic::Failed;
use serde_json::json;
use tests::{
    Missing, Protocol, Server, code_blocks, command_without_cargo_variables, find_program, host_command_for, request,
    run_to_exit, run_trials, send, trial, workspace,
};

const GUIDE: &str = "docs/YOUR-OWN-SERVICE.md";

/// Number of concurrent requests.
const REQUESTS: usize = 20;
/// Limit on instances. A component in Python has more than a dozen core instances each, for which the pool reserves memory.
const INSTANCES: &str = "3";

/// Starts the component with the defaults of the host, except for the instances. The folder has the cache of compiled code.
fn start(component: &Path, folder: &Path) -> Server {
    let mut command = host_command_for(component);
    command.env("XDG_CACHE_HOME", folder).args(["--max-instances", INSTANCES]);
    Server::start(command)
}

fn assert_serves_concurrent_requests(server: &Server) {
    let statuses: Vec<_> = thread::scope(|scope| {
        let clients: Vec<_> = (0..REQUESTS).map(|_| scope.spawn(|| server.get("/").status.as_u16())).collect();
        clients.into_iter().map(|client| client.join().expect("each request gets a response")).collect()
    });
    assert_eq!(statuses, [200; REQUESTS]);
}

fn python_component_is_served() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let [app] = &code_blocks(GUIDE, "python")[..] else { return Err("the guide needs one Python file".into()) };
    fs::write(folder.path().join("app.py"), &app.text)?;
    let text = code_blocks(GUIDE, "sh").pop().ok_or("the guide has no commands")?.text;
    // tests/infra/python-tools.sh has installed the package in an environment of its own.
    let (_, rest) = text.split_once("pip install ").ok_or("the guide does not install the package")?;
    let (package, rest) = rest.split_once('\n').ok_or("no command after the installation")?;
    assert!(fs::read_to_string(workspace().join("tests/infra/python-tools.in"))?.lines().any(|line| line == package));
    let (commands, serve) =
        rest.split_once("dist/hello-host serve ").ok_or("the guide does not serve the component")?;

    // The commands run in the root of the project and write to the temporary folder.
    let path = folder.path().display();
    let script =
        commands.replace("componentize app -o app.wasm", &format!("componentize -p '{path}' app -o '{path}/app.wasm'"));
    let mut shell = command_without_cargo_variables("sh");
    shell.current_dir(workspace()).args(["-ec", &script]);
    let built = run_to_exit(shell);
    built.require(built.succeeded())?;

    let server = start(&folder.path().join(serve.trim()), folder.path());
    for path in ["/", "/any?where=here"] {
        let response = server.get(path);
        assert_eq!(response.status, 200);
        assert_eq!(response.header("content-type"), "application/json");
        assert_eq!(response.json()["path"], json!(path));
        assert!(response.json()["python"].as_str().is_some_and(|version| version.starts_with("3.")));
    }
    assert_serves_concurrent_requests(&server);
    Ok(())
}

/// The component works on after its response, in `waitUntil`.
fn javascript_component_is_served() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let component = folder.path().join("app.wasm");
    let tool = find_program("componentize-js").ok_or("componentize-js is not on PATH")?.canonicalize()?;
    // tests/infra/node-tools.sh has written the interfaces.
    let wit = tool.ancestors().map(|folder| folder.join("wit/world.wit")).find(|world| world.exists());
    let mut build = Command::new(tool);
    build.arg(workspace().join("tests/host/other_languages/app.js")).arg("--out").arg(&component);
    build.arg("--wit").arg(wit.as_deref().and_then(Path::parent).ok_or("the interfaces are missing")?);
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
        server.wait_for_log_count(count + 1, |line| line["output"] == "done later");
    }
    assert_serves_concurrent_requests(&server);
    Ok(())
}

fn main() -> ExitCode {
    run_trials(vec![
        trial("a component in Python", Missing::programs(&["componentize-py", "jq"]), python_component_is_served),
        trial(
            "a component in JavaScript",
            Missing::programs(&["componentize-js", "node"]),
            javascript_component_is_served,
        ),
    ])
}
