//! Components that are larger than hello, or made with another SDK: the host serves any component.

use std::{fmt::Write, fs, thread};

use libtest_mimic::Trial;
use tempfile::TempDir;
use tests::{Server, host_command, host_command_for, run_to_exit};

/// Concurrent requests, and instances.
const AT_ONCE: u32 = 24;
const INSTANCES: &str = "5";

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |name: &str, check: fn()| {
        Trial::test(format!("wasi-0.2: {name}"), move || {
            check();
            Ok(())
        })
    };
    vec![
        trial(
            "a component of 60 core instances, 20 memories and 80 tables is served to concurrent requests",
            many_parts,
        ),
        trial("a table of 100,000 elements is served", || drop(serve_parts(1, 100_000))),
        trial("a larger table is rejected at the start, with the limit", large_table),
        trial("a component by wstd is served to concurrent requests", wstd),
    ]
}

/// Writes a component whose handler computes for a while and returns no response: the test is that instances of it can be made.
fn component(modules: usize, elements: usize) -> (TempDir, std::path::PathBuf) {
    let mut text = String::from(
        r#"(component
            (import "wasi:http/types@0.2.0" (instance $types
                (export "incoming-request" (type (sub resource)))
                (export "response-outparam" (type (sub resource)))))
            (alias export $types "incoming-request" (type $request))
            (alias export $types "response-outparam" (type $out))
            (core module $handler
                (memory 1)
                (func (export "handle") (param i32 i32) (local i32)
                    (local.set 2 (i32.const 10000000))
                    (loop (br_if 0 (local.tee 2 (i32.sub (local.get 2) (i32.const 1)))))))
            (core instance $handler (instantiate $handler))
            (core module $tables (table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref))
            (core module $memories (memory 1) (memory 1))
            (core module $empty)
        "#,
    );
    _ = write!(text, "(core module $table (table {elements} funcref)) (core instance (instantiate $table))");
    for number in 0..modules {
        let kind = ["tables", "memories", "empty"][number % 3];
        _ = write!(text, "(core instance (instantiate ${kind}))");
    }
    text.push_str(
        r#"(func $handle (param "request" (own $request)) (param "response-out" (own $out))
               (canon lift (core func $handler "handle")))
           (instance $exported (export "handle" (func $handle)))
           (export "wasi:http/incoming-handler@0.2.0" (instance $exported)))"#,
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("parts.wasm");
    fs::write(&file, wat::parse_str(text).expect("the component is valid")).expect("the file is written");
    (folder, file)
}

fn serve_parts(modules: usize, elements: usize) -> Server {
    let (folder, file) = component(modules, elements);
    let mut command = host_command_for(&file);
    command.args(["--max-instances", INSTANCES]).env("XDG_CACHE_HOME", folder.path());
    let server = Server::start(command);
    assert_eq!(server.get("/").status, 500);
    server.wait_for_log(|line| line["error"] == "the guest ended without a response");
    server
}

fn many_parts() {
    let server = serve_parts(58, 1);
    let statuses = concurrent_statuses(&server, "/");
    assert!(statuses.iter().all(|&status| status == 500), "{statuses:?}");
    // Each failure is the guest's, and each instance could be made.
    server.wait_for_metric("wasm_instance_failures_total{reason=\"trap\"}", f64::from(AT_ONCE + 1));
    server.wait_for_metric("wasm_instance_failures_total{reason=\"instantiation\"}", 0.0);
}

fn large_table() {
    let (folder, file) = component(1, 100_001);
    let mut command = host_command_for(&file);
    command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]).env("XDG_CACHE_HOME", folder.path());
    let exit = run_to_exit(command);
    assert_eq!(exit.code, Some(1), "{}", exit.output());
    assert!(exit.stderr.contains("a table has 100001 elements, which is over the limit of 100000"), "{}", exit.stderr);
}

fn wstd() {
    let mut command = host_command("guest-wstd.wasm");
    command.args(["--max-instances", INSTANCES]);
    let server = Server::start(command);
    assert_eq!(server.get("/any").text(), "/any by wstd\n");
    let statuses = concurrent_statuses(&server, "/slow");
    assert!(statuses.iter().all(|&status| status == 200), "{statuses:?}");
}

/// Returns the statuses of concurrent requests.
fn concurrent_statuses(server: &Server, path: &str) -> Vec<u16> {
    thread::scope(|scope| {
        let clients: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(|| server.get(path).status.as_u16())).collect();
        clients.into_iter().map(|client| client.join().expect("each request gets a response")).collect()
    })
}
