//! Guests that misbehave: each gets the response that the contract names, and the requests of other clients succeed.

mod disconnects;
mod instances;
mod isolation;
mod looping;
mod memory;
mod output;
mod responses;

use tests::{Server, host_command, start};

/// Starts a host with one of the misbehaving guests.
fn serve(guest: &str, flags: &[&str]) -> Server {
    let mut command: Command = host(guest);
    command.env("HELLO_REQUEST_TIMEOUT", "500ms").env("HELLO_MAX_MEMORY_SIZE", "16MiB").args(flags);
    Server::start(command)
}

fn sins_are_punished_and_bystanders_unharmed(guest: &str) {
    let _alone = alone();
    let server = serve(guest, &[]);
    let ((), bystanders) = with_bystanders(&server, "/ok", || {
        for (sin, status) in [("/loop", 504), ("/trap", 500), ("/recurse", 500), ("/memory", 500), ("/never", 504)] {
            for protocol in [Protocol::Http1, Protocol::Http2] {
                let answer = send(server.address, protocol, request("GET", sin, ""));
                assert_eq!(answer.status, status, "{guest} {sin} {protocol:?}: {:?}", answer.body);
                assert_eq!(answer.header("content-type"), "application/problem+json", "{guest} {sin} {protocol:?}");
                assert_eq!(answer.json()["status"], status, "{guest} {sin} {protocol:?}");
            }
        }
    });
    assert!(bystanders.answered > 0);
    server.wait_for_metric("wasm_instance_failures_total{reason=\"timeout\"}", 4.0);
    server.wait_for_metric("wasm_instance_failures_total{reason=\"trap\"}", 6.0);
    // Idle instances go after a second, those of the sins before: nothing is left behind.
    server.wait_for_metric("wasm_instances", 0.0);
    server.wait_for_metric("wasm_guest_memory_bytes", 0.0);
    server.wait_for_metric("http_requests_in_flight", 0.0);
}

fn all_instances_together_have_a_limit_of_memory(guest: &str) {
    // Less than one of them may have for itself.
    let server = serve(guest, &["--max-total-memory-size", "12MiB"]);
    assert_eq!(server.get("/memory").status, 500);
    server.wait_for_log(|line| line["message"] == "guest was refused memory" && line["of"] == "all instances");
    assert_eq!(server.get("/ok").text(), "ok");
    server.wait_for_metric("wasm_guest_memory_bytes", 0.0);
}

fn a_request_is_shed_where_others_have_all_the_memory(guest: &str) {
    // Enough for one instance.
    let server = serve(guest, &["--max-total-memory-size", "2MiB", "--request-timeout", "1h"]);
    let mut caller = TcpStream::connect(server.address).expect("a connection");
    caller.write_all(b"GET /forever HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
    caller.read_exact(&mut [0]).expect("an answer that goes on");
    let shed = server.get("/ok");
    assert_eq!((shed.status.as_u16(), shed.header("retry-after")), (503, "1"), "{guest}: {:?}", shed.body);
    server.wait_for_metric("http_requests_shed_total", 1.0);
    server.wait_for_metric("wasm_instance_failures_total{reason=\"instantiation\"}", 1.0);
    drop(caller);
    server.wait_for_metric("wasm_instances", 0.0);
    assert_eq!(server.get("/ok").text(), "ok");
}

fn no_guest_runs_for_a_body_over_the_limit(guest: &str) {
    let server = serve(guest, &["--body-limit", "1KiB"]);
    for _ in 0..3 {
        let answer = send(server.address, Protocol::Http1, request("POST", "/ok", vec![b'x'; 1025]));
        assert_eq!(answer.status, 413, "{guest}");
    }
    // The one that was made before there were requests has answered none.
    server.wait_for_metric("http_requests_total{method=\"POST\",status=\"413\"}", 3.0);
    server.wait_for_metric("wasm_instantiations_total", 1.0);
    server.wait_for_metric("wasm_instance_reuses_total", 0.0);
}

fn a_guest_sees_only_the_variables_that_it_is_given(guest: &str) {
    let mut command = host(guest);
    command.env("DATABASE_PASSWORD", "hidden").env("HELLO_MAX_INSTANCES", "4").args(["--env", "GIVEN=1"]);
    command
        .env("DATABASE_HOST", "db")
        .env("DATABASE_NAME", "notes")
        .env("HELLO_PASS_ENV", "DATABASE_HOST,DATABASE_NAME,NOT_SET");
    let server = Server::start(command);
    let seen = server.get("/environment").text().to_owned();
    assert_eq!(seen, "DATABASE_HOST DATABASE_NAME GIVEN HOSTNAME WASI_HOST", "{guest}");
    server.wait_for_log(|line| line["variable"] == "NOT_SET" && line["level"] == "WARN");
}

fn a_body_that_breaks_off_does_not_look_whole(guest: &str) {
    let server = serve(guest, &[]);
    let ((), bystanders) = with_bystanders(&server, "/ok", || {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let mut asked = request("GET", "/break", "");
            let id = format!("broken-{protocol:?}");
            asked.headers_mut().insert("x-request-id", id.parse().expect("a header"));
            let broken = try_send(server.address, protocol, asked);
            assert!(broken.is_err(), "{guest} {protocol:?}: {broken:?}");
            let told = server.wait_for_log(|line| line["request_id"] == id.as_str());
            let texts = ["message", "level", "path"].map(|field| told[field].as_str());
            assert_eq!(texts, ["response aborted", "WARN", "/break"].map(Some));
        }
    });
    assert!(bystanders.answered > 0);
    server.wait_for_metric("wasm_instance_failures_total{reason=\"trap\"}", 2.0);
}

#[test]
fn a_caller_that_leaves_frees_its_instance() {
    for (guest, path) in GUESTS.iter().flat_map(|guest| [(guest, "/never"), (guest, "/forever")]) {
        let mut command = host(guest);
        command.args(["--request-timeout", "1h", "--max-in-flight", "1"]);
        let server = Server::start(command);
        let mut caller = TcpStream::connect(server.address).expect("a connection");
        caller.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).expect("sent");
        server.wait_for_metric("wasm_instances", 1.0);
        if path == "/forever" {
            caller.read_exact(&mut vec![0; 100_000]).expect("a body that goes on");
        }
        reset(caller);
        server.wait_for_metric("wasm_instances", 0.0);
        server.wait_for_metric("wasm_instance_failures_total{reason=\"timeout\"}", 0.0);
        server.wait_for_metric("http_requests_in_flight", 0.0);
        assert_eq!(server.get("/ok").status, 200);
    }
}

fn an_answer_that_is_none_is_contained(guest: &str) {
    let server = serve(guest, &[]);
    let ((), bystanders) = with_bystanders(&server, "/ok", || {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            for path in ["/many-headers", "/forged-header"] {
                let answer = send(server.address, protocol, request("GET", path, ""));
                assert_eq!(answer.status, 500, "{guest} {path} {protocol:?}");
            }
            // Less than it says never looks whole; of more, nothing is sent that the caller could take for another answer.
            for (path, length) in [("/too-short", None), ("/too-long", Some(1))] {
                if let Ok(answer) = try_send(server.address, protocol, request("GET", path, "")) {
                    let is_contained = answer.status == 500 || Some(answer.body.len()) == length;
                    assert!(is_contained, "{guest} {path} {protocol:?}: {answer:?}");
                }
            }
        }
    });
    assert!(bystanders.answered > 0);
}

fn every_worker_may_loop_and_others_are_still_served(guest: &str) {
    let _alone = alone();
    let server = serve(guest, &[]);
    let ((), bystanders) = with_bystanders(&server, "/ok", || {
        let loops: Vec<_> = (0..8)
            .map(|_| {
                let address = server.address;
                thread::spawn(move || get(address, "/loop").status)
            })
            .collect();
        for status in loops {
            assert_eq!(status.join().expect("no panic"), 504);
        }
    });
    assert!(bystanders.answered > 0);
    assert_eq!(server.admin("/livez").status, 200);
}

fn a_guest_that_loops_while_it_starts_costs_only_its_own_request(guest: &str) {
    let _alone = alone();
    // Every other instance never comes up, so the first one, which the server starts with, may not either.
    let server = std::iter::repeat_with(|| {
        let mut command = host(guest);
        command.args(["--request-timeout", "300ms", "--env", "LOOP_AT_START=half"]);
        command.args(["--max-instance-reuse-count", "1"]);
        Server::bound(command)
    })
    .find(|server| server.wait_for_log(|line| line["message"] == "ready" || line.is_string())["message"] == "ready")
    .expect("an endless iterator");
    let statuses: Vec<_> = (0..30).map(|_| server.get("/ok").status.as_u16()).collect();
    assert!(statuses.iter().all(|status| [200, 504].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&200) && statuses.contains(&504), "{statuses:?}");
}

#[test]
fn every_thread_gets_its_share_of_connections() {
    let server = serve("guest_p3.wasm", &[]);
    thread::scope(|scope| {
        for _ in 0..threads(&server) {
            scope.spawn(|| assert_eq!(server.get("/loop").status, 504));
        }
    });
    assert_every_thread_has_looped(&server);
}

#[test]
fn every_thread_gets_its_share_of_the_streams_of_a_connection() {
    let server = serve("guest_p3.wasm", &[]);
    let statuses = Runtime::new().expect("a runtime").block_on(async {
        let (sender, _connection) = http2_connection(server.address, None).await.expect("HTTP/2");
        let loops = (0..threads(&server)).map(|_| {
            let mut sender = sender.clone();
            let request = over_http2(request("GET", "/loop", "")).expect("a request");
            async move { sender.send_request(request).await.expect("an answer").status() }
        });
        join_all(loops).await
    });
    assert!(statuses.iter().all(|status| *status == 504), "{statuses:?}");
    assert_every_thread_has_looped(&server);
}

fn threads(server: &Server) -> u64 {
    server.wait_for_log(|line| line["message"] == "starting")["workers"].as_u64().expect("a number")
}

/// A thread that has served nothing has not used a tick of the processor.
fn assert_every_thread_has_looped(server: &Server) {
    let ticks = server.ticks_of_workers();
    assert_eq!(ticks.len() as u64, threads(server));
    assert!(ticks.iter().all(|ticks| *ticks > 2), "{ticks:?}");
}

#[test]
fn instances_are_shared_only_as_far_as_allowed() {
    let counts = |server: &Server| (0..5).map(|_| server.get("/count").text().to_owned()).collect::<Vec<_>>();
    assert_eq!(counts(&serve("guest_p2.wasm", &[])), ["0"; 5]);
    assert_eq!(counts(&serve("guest_p2.wasm", &["--max-instance-reuse-count", "100"])), ["0"; 5]);
    assert_eq!(counts(&serve("guest_p3.wasm", &["--max-instance-reuse-count", "1"])), ["0"; 5]);
    let reused = serve("guest_p3.wasm", &["--max-instance-reuse-count", "2", "--idle-instance-timeout", "1h"]);
    let counts: Vec<_> = (0..20).flat_map(|_| counts(&reused)).collect();
    assert!(counts.iter().all(|count| ["0", "1"].contains(&count.as_str())), "{counts:?}");
    assert!(counts.contains(&"1".to_owned()), "no instance serves a second request");
}

fn more_instances_than_allowed_are_refused_as_overload(guest: &str) {
    let server = serve(guest, &["--max-in-flight", "1"]);
    let address = server.address;
    let never = thread::spawn(move || get(address, "/never").status);
    server.wait_for_metric("http_requests_in_flight", 1.0);
    assert_eq!(server.get("/ok").status, 503);
    assert_eq!(never.join().expect("no panic"), 504);
    server.wait_for_metric("wasm_instances", 0.0);
    server.wait_for_metric("http_requests_in_flight", 0.0);
    assert_eq!(server.get("/ok").status, 200);
}

fn output_is_logged_line_by_line_and_bounded(guest: &str) {
    let server = serve(guest, &["--request-timeout", "30s"]);
    assert_eq!(server.get("/print").text(), "printed");
    server
        .wait_for_log(|line| line["target"] == "guest" && line["message"] == "guest output over the limit is dropped");
    let lines: Vec<_> = server.log().into_iter().filter(|line| line["target"] == "guest").collect();
    assert!(
        lines.iter().any(|line| line["output"].as_str().is_some_and(|text| text.starts_with("first line\u{1b}[31m")))
    );
    assert!((100..2000).contains(&lines.len()), "{} lines", lines.len());
    let is_report = |line: &&Value| line["message"] == "guest output over the limit is dropped";
    assert_eq!(lines.iter().filter(is_report).count(), 1, "the limit is reported once");
    assert!(server.log().iter().all(|line| !line.is_string()), "no line is forged");
}

#[test]
fn output_in_one_call_is_bounded_as_well() {
    let server = serve("guest_p2.wasm", &[]);
    assert_eq!(server.get("/flood").text(), "ok");
    server.wait_for_log(|line| line["message"] == "guest output over the limit is dropped");
    let log = server.log();
    let lines = log.iter().filter(|line| line["message"] == "guest output").count();
    assert!((100..3000).contains(&lines), "{lines} lines");
}

/// What an instance may never have is not counted against the others.
fn memory_that_is_refused_to_one_is_not_taken_from_others(guest: &str) {
    let flags = ["--max-total-memory-size", "64MiB", "--max-instance-reuse-count", "1"];
    let server = serve(guest, &flags);
    let (most, bystanders) = with_bystanders(&server, "/ok", || {
        let greedy = thread::spawn({
            let address = server.address;
            move || (0..4).for_each(|_| assert_eq!(get(address, "/greedy").status, 504))
        });
        let counted = std::iter::from_fn(|| (!greedy.is_finished()).then(|| server.metric("wasm_guest_memory_bytes")));
        let most = counted.fold(0.0, f64::max);
        greedy.join().expect("no panic");
        most
    });
    assert!(bystanders.answered > 0 && most <= f64::from(64 << 20), "{most} bytes");
}

#[test]
fn what_a_guest_does_after_its_answer_is_waited_for() {
    let mut command = host("guest_p2.wasm");
    command.args(["--drain-delay", "0s"]);
    let server = Server::start(command);
    assert_eq!(server.get("/later").text(), "ok");
    server.signal("TERM");
    server.wait_for_log(|line| line["output"] == "done later");
    server.wait_for_log(|line| line["message"] == "drained");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn outbound_requests_are_refused_unless_allowed_by_name() {
    let target = TcpListener::bind("127.0.0.1:0").expect("a free port");
    target.set_nonblocking(true).expect("a socket");
    let port = target.local_addr().expect("bound").port();
    for guest in GUESTS {
        for flags in [&[][..], &["--allowed-outbound-hosts", "example.com"]] {
            let server = serve(guest, flags);
            let answer = server.get(&format!("/fetch?http://127.0.0.1:{port}/"));
            assert!(answer.text().contains("refused"), "{}", answer.text());
            assert!(target.accept().is_err(), "nothing was even connected to");
        }
        // Allowed, it reaches what is there: here the very server's own admin port.
        let other = serve(guest, &[]);
        let allowed = serve(guest, &["--allowed-outbound-hosts", "127.0.0.1", "--request-timeout", "10s"]);
        let answer = allowed.get(&format!("/fetch?http://{}/livez", other.admin));
        assert_eq!(answer.text(), "fetched 200");
    }
}
