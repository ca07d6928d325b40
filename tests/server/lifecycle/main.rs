//! From start to end: the order of starting, the drain, and every way of not starting.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    thread,
};

use tests::{Answer, Exit, Server, dist, free_address, get, host, host_with, native, run_to_exit, runtimes};

tests::command_tests! {
    build_info_has_the_commit_of_the_environment;
    sigterm_drains_without_losing_a_request;
    the_drain_closes_idle_connections;
    the_drain_has_a_deadline;
    a_second_signal_ends_it_at_once;
    interrupt_does_not_wait_for_load_balancers;
    readiness_can_be_switched;
    workers_are_held_to_the_processors_allowed;
}

fn with(mut command: Command, flags: &[&str]) -> Command {
    command.args(flags);
    command
}

/// A request that takes a while, and is at the handler when this returns.
fn in_flight(server: &Server, path: &'static str) -> thread::JoinHandle<Result<Answer, String>> {
    let address = server.address;
    let request = thread::spawn(move || {
        tests::try_send(address, tests::Protocol::Http1, tests::request("GET", path, ""))
            .map_err(|error| error.to_string())
    });
    server.wait_for_metric("http_requests_in_flight", 1.0);
    request
}

#[test]
fn binds_then_warms_then_turns_ready() {
    // These guests never end to start, which holds the server between bound and ready until their time is up.
    for guest in ["guest_p2.wasm", "guest_p3.wasm"] {
        let server = Server::bound(with(host(guest), &["--env", "LOOP_AT_START=always", "--request-timeout", "3s"]));
        assert_eq!(server.admin("/livez").status, 200);
        let readiness = server.admin("/readyz");
        assert_eq!((readiness.status.as_u16(), readiness.text()), (503, "starting\n"));
        assert!(TcpStream::connect(server.address).is_ok(), "connections wait for the server to turn ready");
        server
            .wait_for_log(|line| line.as_str().is_some_and(|line| line.contains("took longer than 3s to instantiate")));
        assert_eq!(server.wait().code(), Some(1));
    }

    for command in runtimes() {
        let server = Server::start(command);
        let readiness = server.admin("/readyz");
        assert_eq!((readiness.status.as_u16(), readiness.text()), (200, "ready\n"));
    }
}

fn build_info_has_the_commit_of_the_environment(mut command: Command) {
    let server = Server::start({
        command.env("HELLO_COMMIT", "abc123");
        command
    });
    let metrics = server.admin("/metrics");
    assert!(metrics.text().contains("commit=\"abc123\""), "{}", metrics.text());
}

#[test]
fn one_line_tells_where_it_serves_and_what() {
    let server = Server::start(host("hello-wasi-0.3.wasm"));
    let ready = server.wait_for_log(|line| line["message"] == "ready");
    assert_eq!(ready["url"], format!("http://{}", server.address));
    assert_eq!(ready["runtime"], "wasi-0.3");
    assert_eq!(ready["component"], dist("hello-wasi-0.3.wasm").to_str().expect("a path"));
}

fn sigterm_drains_without_losing_a_request(command: Command) {
    let server = Server::start(with(command, &["--drain-delay", "2s"]));
    let request = in_flight(&server, "/delay/1");
    server.signal("TERM");
    server.wait_for_log(|line| line["message"] == "draining");

    // Load balancers are told, but those that have not heard yet are served.
    let readiness = server.admin("/readyz");
    assert_eq!((readiness.status.as_u16(), readiness.text()), (503, "draining\n"));
    assert_eq!(server.admin("/livez").status, 200);
    let late = server.get("/");
    assert_eq!((late.status.as_u16(), late.header("connection")), (200, "close"));

    assert_eq!(request.join().expect("no panic").expect("an answer").status, 200);
    assert_eq!(server.wait().code(), Some(0));
}

fn the_drain_closes_idle_connections(command: Command) {
    let server = Server::start(with(command, &["--drain-delay", "0s"]));
    let mut idle = TcpStream::connect(server.address).expect("a connection");
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
    let mut silent = TcpStream::connect(server.address).expect("a connection");
    server.wait_for_metric("http_connections", 2.0);
    server.wait_for_metric("http_requests_total{method=\"GET\",status=\"200\"}", 1.0);
    server.signal("TERM");
    let mut answer = String::new();
    idle.read_to_string(&mut answer).expect("closed in order");
    assert!(answer.starts_with("HTTP/1.1 200"));
    assert_eq!(silent.read(&mut [0]).expect("closed in order"), 0);
    assert_eq!(server.wait().code(), Some(0));
}

fn the_drain_has_a_deadline(command: Command) {
    let server = Server::start(with(command, &["--drain-delay", "0s", "--drain-timeout", "100ms"]));
    let request = in_flight(&server, "/delay/10");
    server.signal("TERM");
    let ended = server.wait();
    assert_eq!(ended.code(), Some(1), "the code tells that something was cut off");
    assert!(request.join().expect("no panic").is_err(), "the request was cut off before its ten seconds");
}

fn a_second_signal_ends_it_at_once(command: Command) {
    let server = Server::start(with(command, &["--drain-delay", "1h"]));
    server.signal("TERM");
    server.wait_for_log(|line| line["message"] == "draining");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(1));
}

#[test]
fn a_killed_server_can_be_started_again_at_once() {
    let address = free_address().to_string();
    let serving = |command| Server::start(with(command, &["--listen", &address]));
    for (first, second) in runtimes().into_iter().zip(runtimes()) {
        let killed = serving(first);
        // A connection that outlives the process, in the kernel.
        let _held = TcpStream::connect(&address).expect("a connection");
        assert_eq!(killed.get("/").status, 200);
        killed.signal("KILL");
        assert!(!killed.wait().success());
        assert_eq!(serving(second).get("/").status, 200);
    }
}

fn interrupt_does_not_wait_for_load_balancers(command: Command) {
    let server = Server::start(with(command, &["--drain-delay", "1h"]));
    server.signal("INT");
    assert_eq!(server.wait().code(), Some(0));
}

fn readiness_can_be_switched(command: Command) {
    let server = Server::start(command);
    let post = |path| tests::send(server.admin, tests::Protocol::Http1, tests::request("POST", path, ""));
    assert_eq!(post("/readyz/disable").status, 200);
    let readiness = server.admin("/readyz");
    assert_eq!((readiness.status.as_u16(), readiness.text()), (503, "disabled\n"));
    assert_eq!(server.get("/").status, 200, "traffic that comes all the same is served");
    assert_eq!(post("/readyz/enable").status, 200);
    assert_eq!(server.admin("/readyz").status, 200);

    let refused = server.admin("/readyz/disable");
    assert_eq!((refused.status.as_u16(), refused.header("allow")), (405, "POST"));
    let refused = post("/metrics");
    assert_eq!((refused.status.as_u16(), refused.header("allow")), (405, "GET, HEAD"));
    assert_eq!(server.admin("/nope").status, 404);
}

/// That a program ended with a code and one line that says all of this.
fn assert_refused(exit: &Exit, code: i32, said: &[&str]) {
    assert_eq!(exit.code, Some(code), "{exit:?}");
    assert_eq!(exit.stderr.lines().count(), 1, "{exit:?}");
    for part in said {
        assert!(exit.stderr.contains(part), "{part:?} is missing in {:?}", exit.stderr);
    }
}

#[test]
fn a_bad_setting_is_refused_in_one_line() {
    let bad_flags: [(&[&str], &[&str]); 9] = [
        (&["--listen", "here"], &["'here'", "--listen (HELLO_LISTEN)", "127.0.0.1:8080"]),
        (&["--max-connections", "0"], &["'0'", "--max-connections (HELLO_MAX_CONNECTIONS)", "1 to 1000000"]),
        (&["--max-in-flight", "many"], &["'many'", "--max-in-flight (HELLO_MAX_IN_FLIGHT)", "1 to 1000000"]),
        (&["--request-timeout", "0s"], &["'0s'", "--request-timeout (HELLO_REQUEST_TIMEOUT)", "1ms to 1h"]),
        (&["--body-limit", "big"], &["'big'", "--body-limit (HELLO_BODY_LIMIT)", "0 to 1TiB"]),
        (&["--log", "loud"], &["'loud'", "--log (HELLO_LOG)", "debug"]),
        (&["--log-format", "xml"], &["'xml'", "--log-format (HELLO_LOG_FORMAT)", "json, text"]),
        (&["--colour", "red"], &["--colour", "--help"]),
        (&["--drain-delay"], &["--drain-delay", "--help"]),
    ];
    for command in [native, || host("hello-wasi-0.3.wasm")] {
        for (flags, said) in bad_flags {
            assert_refused(&run_to_exit(with(command(), flags)), 64, said);
        }
        for (name, value, said) in [
            ("HELLO_DRAIN_TIMEOUT", "soon", &["'soon'", "--drain-timeout (HELLO_DRAIN_TIMEOUT)", "0s to 1h"][..]),
            ("HELLO_HEADER_TIMEOUT", "", &["''", "--header-timeout (HELLO_HEADER_TIMEOUT)", "1ms to 1h"]),
            ("HELLO_MAX_CONECTIONS", "10", &["HELLO_MAX_CONECTIONS", "--help"]),
        ] {
            let mut command = command();
            command.env(name, value);
            assert_refused(&run_to_exit(command), 64, said);
        }
    }
    let unknown = run_to_exit(with(host("hello-wasi-0.3.wasm"), &["--colour", "red"]));
    assert_refused(&unknown, 64, &["hello-host: ", "serve --help lists the settings"]);
    let no_command = run_to_exit(Command::new(dist("hello-host")));
    assert_eq!(no_command.code, Some(64));
    assert!(no_command.stderr.contains("Usage: hello-host <COMMAND>"), "{}", no_command.stderr);
    let bad_color = run_to_exit(with(native(), &["--color", "url(x)"]));
    assert_refused(&bad_color, 64, &["'url(x)'", "--color (HELLO_COLOR)", "#rrggbb"]);
    let unnamed = run_to_exit(with(host("hello-wasi-0.3.wasm"), &["--pass-env", "PATH,,HOME"]));
    assert_refused(&unnamed, 64, &["--pass-env (HELLO_PASS_ENV)", "expected names of variables"]);
}

#[test]
fn variables_that_kubernetes_sets_for_a_service_are_no_settings() {
    let mut command = native();
    command
        .env("HELLO_SERVICE_HOST", "10.0.0.1")
        .env("HELLO_PORT_80_TCP_ADDR", "10.0.0.1")
        .env("HELLO_PORT", "tcp://10.0.0.1:80");
    assert_eq!(Server::start(command).get("/").status, 200);
}

#[test]
fn what_is_secret_in_the_environment_is_nowhere_told() {
    const SECRET: &str = "hidden-from-all";
    for mut command in runtimes() {
        command
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", free_address()))
            .env("OTEL_BSP_SCHEDULE_DELAY", "10");
        command.env("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization=Bearer {SECRET}"));
        command.env("DATABASE_PASSWORD", SECRET).args(["--access-log", "1"]);
        let server = Server::start(command);
        for path in ["/", "/info", "/headers", "/openapi.json", "/status/500", "/nope"] {
            assert!(!server.get(path).text().contains(SECRET), "{path}");
        }
        assert!(!server.admin("/metrics").text().contains(SECRET));
        assert!(!server.admin("/log").text().contains(SECRET));
        // By then there has been an error to tell, too.
        server
            .wait_for_log(|line| line["message"].as_str().is_some_and(|text| text.starts_with("trace export failing")));
        let told = server.log().into_iter().find(|line| line.to_string().contains(SECRET));
        assert_eq!(told, None);
    }
    let mut command = native();
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://user:{SECRET}@collector:4318"));
    let refused = run_to_exit(command);
    assert_refused(&refused, 64, &["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"]);
    assert!(!refused.output().contains(SECRET), "{}", refused.output());
}

#[test]
fn help_lists_every_setting() {
    let settings = [
        "HELLO_LISTEN",
        "HELLO_ADMIN_LISTEN",
        "HELLO_MAX_CONNECTIONS",
        "HELLO_MAX_IN_FLIGHT",
        "HELLO_REQUEST_TIMEOUT",
        "HELLO_HEADER_TIMEOUT",
        "HELLO_BODY_LIMIT",
        "HELLO_DRAIN_DELAY",
        "HELLO_DRAIN_TIMEOUT",
        "HELLO_LOG",
        "HELLO_LOG_FORMAT",
        "HELLO_MESSAGE",
        "HELLO_COLOR",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    ];
    let mut host_help = Command::new(dist("hello-host"));
    host_help.args(["serve", "--help"]);
    for help in [run_to_exit(with(native(), &["--help"])), run_to_exit(host_help)] {
        assert_eq!(help.code, Some(0));
        for setting in settings {
            assert!(help.stdout.contains(setting), "{setting} is missing in {}", help.stdout);
        }
    }
}

#[test]
fn a_busy_port_is_refused_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address: SocketAddr = taken.local_addr().expect("bound");
    for command in runtimes() {
        let exit = run_to_exit(with(command, &["--listen", &address.to_string(), "--admin-listen", "127.0.0.1:0"]));
        assert_refused(&exit, 1, &[&address.to_string(), "in use", "--listen"]);
    }
}

fn written(folder: &Path, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).expect("written");
    path
}

fn served(path: &Path, flags: &[&str]) -> Exit {
    run_to_exit(with(host_with(path), &[&["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"], flags].concat()))
}

#[test]
fn what_is_no_http_component_is_refused_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let in_folder = |name: &str, bytes: &[u8]| written(folder.path(), name, bytes);

    assert_refused(&served(Path::new("/nowhere/x.wasm"), &[]), 1, &["/nowhere/x.wasm", "No such file"]);
    assert_refused(&served(folder.path(), &[]), 1, &["Is a directory"]);
    assert_refused(&served(&in_folder("text", b"hello"), &[]), 1, &["text", "not a WebAssembly component"]);
    assert_refused(&served(&in_folder("empty", b""), &[]), 1, &["empty", "not a WebAssembly component"]);
    let core_module = in_folder("core.wasm", b"\0asm\x01\0\0\0");
    assert_refused(&served(&core_module, &[]), 1, &["core.wasm", "core WebAssembly module", "wasm32-wasip2"]);

    let whole = fs::read(dist("hello-wasi-0.3.wasm")).expect("read");
    assert_refused(&served(&in_folder("half.wasm", &whole[..whole.len() / 2]), &[]), 1, &["half.wasm"]);

    let command = served(&dist("guest-command.wasm"), &[]);
    let offers =
        ["wasi:http/handler@0.3", "wasi:http/incoming-handler@0.2", "exports", "wasi:cli/run@", "imports", "supports"];
    assert_refused(&command, 1, &offers);
}

#[test]
fn precompiled_code_is_served_only_when_asked_for_and_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let code = folder.path().join("hello.cwasm");
    let compile = |component: &Path| {
        let mut command = Command::new(dist("hello-host"));
        command.arg("compile").arg(component).arg("-o").arg(&code);
        run_to_exit(command)
    };
    for runtime in ["wasi-0.2", "wasi-0.3"] {
        let compiled = compile(&dist(&format!("hello-{runtime}.wasm")));
        assert_eq!(compiled.code, Some(0), "{compiled:?}");
        let checked = Command::new("sha256sum")
            .args(["--check", "--quiet", "hello.cwasm.sha256"])
            .current_dir(folder.path())
            .status();
        assert!(checked.expect("sha256sum runs").success());

        let server = Server::start(with(host_with(&code), &["--precompiled"]));
        assert_eq!(server.get("/info").json()["runtime"], runtime);
        drop(server);
        let too_small = served(&code, &["--precompiled", "--max-memory-size", "64KiB"]);
        assert_refused(&too_small, 1, &["hello.cwasm", "exceeds the limit"]);
    }

    assert_refused(&served(&code, &[]), 1, &["precompiled", "--precompiled"]);
    assert_refused(
        &served(&dist("hello-wasi-0.3.wasm"), &["--precompiled"]),
        1,
        &["not precompiled", "hello-host compile"],
    );

    let mut bytes = fs::read(&code).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&code, &bytes).expect("written");
    assert_refused(&served(&code, &["--precompiled"]), 1, &["hello.cwasm", "digest"]);
    fs::write(&code, &bytes[..middle]).expect("written");
    assert_refused(&served(&code, &["--precompiled"]), 1, &["hello.cwasm", "digest"]);
    fs::remove_file(folder.path().join("hello.cwasm.sha256")).expect("removed");
    assert_refused(&served(&code, &["--precompiled"]), 1, &["hello.cwasm.sha256", "hello-host compile"]);

    assert_refused(&compile(&written(folder.path(), "text", b"hello")), 1, &["text", "not a WebAssembly component"]);
}

#[test]
fn compiled_component_is_loaded_from_the_cache_at_the_next_start() {
    let caches = tempfile::tempdir().expect("a folder");
    let start = |cache: &Path| {
        let mut command = host("guest_p3.wasm");
        command.env("XDG_CACHE_HOME", cache);
        let server = Server::start(command);
        assert_eq!(server.get("/").status, 200);
        server.log().into_iter().find(|line| line["message"].as_str().is_some_and(|text| text.contains("compiled")))
    };
    let from_cache = || start(caches.path()).expect("a line about the compiler")["from_cache"].as_bool();
    assert_eq!(from_cache(), Some(false));
    assert_eq!(from_cache(), Some(true));

    // A folder that cannot be written only costs time.
    let file = caches.path().join("file");
    fs::write(&file, "").expect("written");
    let line = start(&file).expect("a line about the compiler");
    assert_eq!(line["message"], "compiled code is not cached", "{line}");
}

#[allow(clippy::needless_pass_by_value)] // As for the others of `command_tests`.
fn workers_are_held_to_the_processors_allowed(command: Command) {
    let mut confined = Command::new("taskset");
    confined.args(["--cpu-list", "0"]).arg(command.get_program()).args(command.get_args());
    let server = Server::start(confined);
    assert_eq!(server.wait_for_log(|line| line["message"] == "starting")["workers"], 1);
    assert_eq!(get(server.address, "/").status, 200);
}
