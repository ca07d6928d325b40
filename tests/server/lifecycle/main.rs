//! From start to exit: readiness, the drain, and each error that prevents a start.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    thread,
};

use tests::Exit;

/// Asserts that a program ended with this code and printed one line that contains all of these parts.
fn assert_one_line_error(exit: &Exit, code: i32, parts: &[&str]) {
    assert_eq!(exit.code, Some(code), "{exit:?}");
    assert_eq!(exit.stderr.lines().count(), 1, "{exit:?}");
    for part in parts {
        assert!(exit.stderr.contains(part), "no {part:?} in {:?}", exit.stderr);
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
