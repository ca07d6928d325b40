//! The limits and layers of the server, seen from outside, for both kinds of server.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::Duration,
};

use bytes::Bytes;
use futures_util::{future::join_all, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tests::{
    AnyBody, AnyRequest, PATIENCE, Protocol, Server, http2_connection, over_http2, raw, read_to_close, request, send,
    servers, tcp, try_send,
};
use tokio::{
    runtime::Builder,
    time::{sleep, timeout},
};

tests::server_tests! {
    slow_headers_are_cut_off(&["--header-timeout", "200ms", "--idle-timeout", "200ms"]);
    idle_connections_are_closed_and_busy_ones_are_not(&["--idle-timeout", "200ms"]);
    idle_connections_of_http2_are_closed_in_order_and_busy_ones_are_not(&["--idle-timeout", "200ms"]);
    an_answer_over_http2_holds_its_place_until_it_is_sent_and_not_for_ever(&["--request-timeout", "500ms"]);
    bodies_that_overlap_on_a_connection_are_no_single_slow_one(&["--request-timeout", "600ms"]);
    old_connections_are_asked_to_close_and_lose_nothing(&["--max-connection-age", "200ms"]);
    young_connections_are_kept(&[]);
    connections_over_the_cap_wait(&["--max-connections", "2"]);
    requests_over_the_limit_in_flight_are_shed(&["--max-in-flight", "1"]);
    requests_that_come_all_at_once_are_not_shed_where_each_is_quick(&["--max-in-flight", "16"]);
    a_client_that_neither_sends_nor_reads_gives_its_place_back(&["--max-in-flight", "1", "--request-timeout", "500ms", "--body-limit", "64MiB"]);
    a_body_that_trickles_is_cut_off_and_one_that_takes_its_time_is_not(&["--max-in-flight", "1", "--request-timeout", "300ms"]);
    a_body_that_breaks_off_gives_its_place_back(&["--max-in-flight", "1", "--request-timeout", "1h", "--idle-timeout", "1h"]);
    an_answer_that_takes_too_long_is_504(&["--request-timeout", "200ms"]);
    a_body_that_grows_over_the_limit_is_never_echoed_whole(&["--body-limit", "100KiB"]);
    answers_of_any_length_around_what_is_sent_in_one_piece_are_whole(&[]);
    an_answer_arrives_however_much_of_the_body_is_still_to_come(&["--body-limit", "1MiB"]);
    hosts_are_demanded_as_http_1_1_has_it(&[]);
    malformed_requests_get_a_4xx_and_the_process_lives_on(&[]);
    every_request_is_counted_once(&[]);
    request_ids_are_kept_or_made(&[]);
}

fn slow_headers_are_cut_off(server: &Server) {
    for bytes in [&b""[..], b"G", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\n", b"PRI * HTTP/2", b"PR"] {
        let answer = raw(server, bytes);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{bytes:?} got {answer:?}");
    }
    assert_eq!(server.get("/").status, 200);
}

fn idle_connections_are_closed_and_busy_ones_are_not(server: &Server) {
    let answer = raw(server, b"GET /delay/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "got {answer:?}");
}

fn get_over_http2(path: &str) -> AnyRequest {
    over_http2(request("GET", path, "")).expect("a request")
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { timeout(PATIENCE, future).await.expect("it does not take for ever") })
}

fn idle_connections_of_http2_are_closed_in_order_and_busy_ones_are_not(server: &Server) {
    block_on(async {
        let (mut sender, connection) = http2_connection(server.address, None).await.expect("HTTP/2");
        let answer = sender.send_request(get_over_http2("/delay/1")).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        drop(answer);
        connection.await.expect("no panic").expect("closed in order");
    });
}

/// While nobody reads, the kernel takes some megabytes of an answer. Some of these are a little longer than that: the server has no more
/// to do for them than to write the rest.
#[test]
fn an_answer_is_whole_however_late_it_is_read() {
    let later = Duration::from_secs(2);
    for server in servers(&["--header-timeout", "1s", "--idle-timeout", "1s"]) {
        let server = &server;
        thread::scope(|scope| {
            for length in (3_800_000..4_600_000).step_by(12_000) {
                scope.spawn(move || {
                    let mut reader = TcpStream::connect(server.address).expect("a connection");
                    let mut writer = reader.try_clone().expect("a socket");
                    scope.spawn(move || {
                        let head = "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
                        let head = format!("{head}Content-Length: {length}\r\n\r\n");
                        writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&vec![b'z'; length]))
                    });
                    thread::sleep(later);
                    let mut answer = Vec::new();
                    reader.read_to_end(&mut answer).expect("an answer");
                    assert!(answer.ends_with(&vec![b'z'; length]), "of {length} bytes, {} with the head", answer.len());
                });
            }
        });
    }
}

/// A connection of HTTP/2 takes the whole of a small answer from the handler, whether its client has room for it or not.
fn an_answer_over_http2_holds_its_place_until_it_is_sent_and_not_for_ever(server: &Server) {
    // It has a runtime of its own.
    let wait = |in_flight| server.wait_for_metric("http_requests_in_flight", in_flight);
    let in_flight = |wanted| thread::scope(|scope| scope.spawn(|| wait(wanted)).join().expect("no panic"));
    block_on(async {
        let (mut sender, connection) = http2_connection(server.address, Some(1)).await.expect("HTTP/2");
        let mut answers = Vec::new();
        for path in ["/", "/info"] {
            answers.push(sender.send_request(get_over_http2(path)).await.expect("an answer"));
        }
        in_flight(2.0);
        assert!(connection.await.expect("no panic").is_err(), "cut off");
        in_flight(0.0);

        let (mut sender, _connection) = http2_connection(server.address, None).await.expect("HTTP/2");
        let answer = sender.send_request(get_over_http2("/")).await.expect("an answer");
        assert!(answer.into_body().collect().await.expect("a body").to_bytes().starts_with(b"{"));
        in_flight(0.0);
    });
}

/// Each takes less than the time of a request; together they take longer.
fn bodies_that_overlap_on_a_connection_are_no_single_slow_one(server: &Server) {
    block_on(async {
        let (sender, _connection) = http2_connection(server.address, None).await.expect("HTTP/2");
        let uploads = (0..10).map(|number: u32| {
            let mut sender = sender.clone();
            async move {
                sleep(Duration::from_millis(150) * number).await;
                let halves = stream::unfold(0, async |sent| {
                    if sent == 1 {
                        sleep(Duration::from_millis(300)).await;
                    }
                    (sent < 2).then(|| (Ok(Frame::data(Bytes::from_static(b"half"))), sent + 1))
                });
                let upload = request("POST", "/echo", "").map(|_| AnyBody::new(StreamBody::new(halves)));
                let answer = sender.send_request(over_http2(upload).expect("a request")).await.expect("an answer");
                answer.into_body().collect().await.expect("a whole answer").to_bytes()
            }
        });
        assert!(join_all(uploads).await.iter().all(|echoed| echoed == "halfhalf"));
    });
}

fn old_connections_are_asked_to_close_and_lose_nothing(server: &Server) {
    let answers = raw(server, b"GET /delay/0.5 HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let (young, old) = answers.rsplit_once("HTTP/1.1 200").expect("two answers");
    assert!(young.starts_with("HTTP/1.1 200") && !young.contains("connection: close"), "{answers}");
    assert!(old.contains("connection: close"), "{answers}");

    block_on(async {
        let (mut sender, connection) = http2_connection(server.address, None).await.expect("HTTP/2");
        let in_flight = get_over_http2("/delay/0.5");
        let answer = sender.send_request(in_flight).await.expect("an answer, older than the connection may be");
        assert_eq!(answer.status(), 200);
        drop(answer);
        connection.await.expect("no panic").expect("closed in order, while the caller would send more");
        assert!(sender.ready().await.is_err());
    });
}

fn young_connections_are_kept(server: &Server) {
    let requests = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100);
    let last = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answers = raw(server, &[&requests[..], last].concat());
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 101);
    assert_eq!(answers.matches("connection: close").count(), 1);
}

fn connections_over_the_cap_wait(server: &Server) {
    let held = [(); 2].map(|()| TcpStream::connect(server.address).expect("a connection"));
    server.wait_for_metric("http_connections", 2.0);
    let mut waiting = tcp(server.address);
    waiting.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("sent");
    // That nothing comes can only be seen by waiting for it.
    let mut byte = [0];
    waiting.set_read_timeout(Some(Duration::from_millis(300))).expect("a socket");
    let error = waiting.read(&mut byte).expect_err("it is not accepted");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    assert!((server.metric("http_connections") - 2.0).abs() < f64::EPSILON);
    drop(held);
    waiting.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let response = read_to_close(&mut waiting);
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
}

fn requests_over_the_limit_in_flight_are_shed(server: &Server) {
    let address = server.address;
    let slow = thread::spawn(move || tests::get(address, "/delay/2"));
    server.wait_for_metric("http_requests_in_flight", 1.0);
    let shed = server.get("/");
    assert_eq!((shed.status.as_u16(), shed.header("retry-after")), (503, "1"));
    assert_eq!(shed.header("content-type"), "application/problem+json");
    assert_eq!(server.admin("/readyz").status, 200);
    assert_eq!(slow.join().expect("no panic").status, 200);
    server.wait_for_metric("http_requests_shed_total", 1.0);
    server.wait_for_metric("http_requests_in_flight", 0.0);
    assert_eq!(server.get("/").status, 200);
}

fn requests_that_come_all_at_once_are_not_shed_where_each_is_quick(server: &Server) {
    let connections: Vec<_> = (0..64).map(|_| TcpStream::connect(server.address).expect("a connection")).collect();
    server.wait_for_metric("http_connections", 64.0);
    for mut connection in &connections {
        connection.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("sent");
    }
    for mut connection in connections {
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "got {answer:?}");
    }
}

fn a_client_that_neither_sends_nor_reads_gives_its_place_back(server: &Server) {
    let mut silent = TcpStream::connect(server.address).expect("a connection");
    silent.write_all(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n").expect("sent");
    server.wait_for_metric("http_requests_in_flight", 1.0);
    server.wait_for_metric("http_requests_in_flight", 0.0);

    let mut deaf = TcpStream::connect(server.address).expect("a connection");
    // More than the kernel holds for both ends: it is not all gone before the server has begun with it.
    let length = 64 << 20;
    let head = format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    deaf.write_all(head.as_bytes()).expect("sent");
    // Nothing is read, so in the end nothing can be sent, and the connection is cut off.
    _ = deaf.write_all(&vec![b'x'; length]);
    server.wait_for_metric("http_requests_in_flight", 0.0);
    assert_eq!(server.get("/").status, 200);
}

/// Sends an echo a body in pieces, with a pause after each, until it is over or the connection is closed. Gives what came back.
fn send_slowly(server: &Server, pieces: usize, bytes: usize, pause: Duration) -> String {
    let mut sender = TcpStream::connect(server.address).expect("a connection");
    let length = pieces * bytes;
    let head = format!("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    sender.write_all(head.as_bytes()).expect("sent");
    let mut receiver = sender.try_clone().expect("a socket");
    let answer = thread::spawn(move || {
        let mut answer = Vec::new();
        _ = receiver.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    });
    for _ in 0..pieces {
        if answer.is_finished() || sender.write_all(&vec![b'z'; bytes]).is_err() {
            break;
        }
        thread::sleep(pause);
    }
    answer.join().expect("no panic")
}

fn a_body_that_trickles_is_cut_off_and_one_that_takes_its_time_is_not(server: &Server) {
    let answer = send_slowly(server, 10_000, 1, Duration::from_millis(20));
    assert!(answer.starts_with("HTTP/1.1 200") && answer.matches('z').count() < 1000, "{}", answer.len());
    server.wait_for_metric("http_requests_in_flight", 0.0);
    let answer = send_slowly(server, 20, 20_000, Duration::from_millis(50));
    assert!(answer.starts_with("HTTP/1.1 200") && answer.matches('z').count() == 400_000, "{}", answer.len());
}

fn a_body_that_breaks_off_gives_its_place_back(server: &Server) {
    for is_reset in [false, true] {
        let mut caller = TcpStream::connect(server.address).expect("a connection");
        let half = format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{}", "z".repeat(500));
        caller.write_all(half.as_bytes()).expect("sent");
        server.wait_for_metric("http_requests_in_flight", 1.0);
        // The kernel resets a connection that is closed with something unread.
        caller.peek(&mut [0]).expect("an answer that has begun");
        if !is_reset {
            caller.shutdown(Shutdown::Write).expect("a connection");
            let mut answer = String::new();
            _ = caller.read_to_string(&mut answer);
            assert!(answer.matches('z').count() <= 500, "{answer}");
        }
        drop(caller);
        server.wait_for_metric("http_requests_in_flight", 0.0);
        server.wait_for_metric("http_connections", 0.0);
        assert_eq!(server.get("/").status, 200);
    }
}

fn an_answer_that_takes_too_long_is_504(server: &Server) {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let late = send(server.address, protocol, request("GET", "/delay/10", ""));
        assert_eq!((late.status.as_u16(), late.header("content-type")), (504, "application/problem+json"));
    }
    assert_eq!(server.get("/").status, 200);
}

fn a_body_that_grows_over_the_limit_is_never_echoed_whole(server: &Server) {
    let mut bytes = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..20 {
        bytes.extend_from_slice(b"2800\r\n");
        bytes.extend_from_slice(&[b'x'; 0x2800]);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    let answer = raw(server, &bytes);
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
    assert!(head.starts_with("HTTP/1.1 413") || !body.ends_with("0\r\n\r\n"), "ended as if it were complete: {head}");
    assert_eq!(server.get("/").status, 200);
}

/// Head and body of a small answer are copied into one buffer, those of a larger one are not: neither may lose a byte.
fn answers_of_any_length_around_what_is_sent_in_one_piece_are_whole(server: &Server) {
    for length in 700..1_100 {
        let body: Bytes = (b'a'..=b'z').cycle().take(length).collect();
        let answer = send(server.address, Protocol::Http1, request("POST", "/echo", body.clone()));
        assert!(answer.body == body, "{length} bytes came back as {}", answer.body.len());
    }
}

/// A connection closed while the client still sends is reset, and the answer may be lost on the way.
fn an_answer_arrives_however_much_of_the_body_is_still_to_come(server: &Server) {
    for (path, length, status) in [("/echo", 8 << 20, "413"), ("/info", 1 << 20, "405")] {
        let mut bytes =
            format!("POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
        bytes.extend(std::iter::repeat_n('x', length));
        let answer = raw(server, bytes.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer:?}");
        assert!(answer.contains("application/problem+json") && answer.ends_with('}'), "{path}: {answer:?}");
    }
    server.wait_for_metric("http_connections", 0.0);
}

fn hosts_are_demanded_as_http_1_1_has_it(server: &Server) {
    for bytes in [
        &b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: a/b\r\n\r\n",
    ] {
        let answer = raw(server, bytes);
        assert_eq!(answer.get(8..12), Some(" 400"), "{answer:?}");
    }
    assert!(raw(server, b"GET / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 200"));
    assert!(
        raw(server, b"GET http://a/info HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 200")
    );
}

fn malformed_requests_get_a_4xx_and_the_process_lives_on(server: &Server) {
    let large_header = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(140_000));
    let many_headers = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(200));
    for bytes in
        [&b"\0\0\0\0\r\n\r\n"[..], b"GET /\r\n\r\n", b"HELLO\r\n\r\n", large_header.as_bytes(), many_headers.as_bytes()]
    {
        let answer = raw(server, bytes);
        assert!(answer.starts_with("HTTP/1.1 4"), "{:?} got {answer:?}", &bytes[..20.min(bytes.len())]);
    }
    assert_eq!(server.get("/").status, 200);
}

fn every_request_is_counted_once(server: &Server) {
    for path in ["/", "/info", "/nope", "/status/503"] {
        _ = server.get(path);
    }
    _ = send(server.address, Protocol::Http1, request("BREW", "/", ""));
    server.wait_for_metric("http_requests_total{method=\"GET\",status=\"200\"}", 2.0);
    server.wait_for_metric("http_requests_total{method=\"GET\",status=\"404\"}", 1.0);
    server.wait_for_metric("http_requests_total{method=\"GET\",status=\"503\"}", 1.0);
    server.wait_for_metric("http_requests_total{method=\"other\",status=\"405\"}", 1.0);
    server.wait_for_metric("http_request_duration_seconds_count{status=\"2xx\"}", 2.0);
    let metrics = server.admin("/metrics");
    let counted = metrics.text().lines().filter(|line| line.starts_with("http_requests_total{"));
    let counts = counted.filter_map(|line| line.rsplit(' ').next()?.parse::<u32>().ok());
    assert_eq!(counts.sum::<u32>(), 5, "{}", metrics.text());
    assert!(metrics.text().contains("build_info{"));
    assert!(metrics.text().contains("process_resident_memory_bytes "));
    assert!(!metrics.text().contains("nope"), "paths are no labels");
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
}

fn request_ids_are_kept_or_made(server: &Server) {
    let ask = |id: Option<&'static str>| {
        let mut request = request("GET", "/headers", "");
        if let Some(id) = id {
            request.headers_mut().insert("x-request-id", id.parse().expect("a header"));
        }
        let answer = send(server.address, Protocol::Http1, request);
        let id = answer.header("x-request-id").to_owned();
        assert_eq!(answer.json()["x-request-id"][0], id.as_str(), "the handler sees the same id");
        id
    };
    assert_eq!(ask(Some("abc-123")), "abc-123");
    assert!(ask(Some("two words")).bytes().all(|byte| byte.is_ascii_digit()));
    assert_ne!(ask(None), ask(None));
}

#[test]
fn the_access_log_has_a_line_for_each_answer_or_for_failures_only() {
    let ask = |server: &Server, status: u16| {
        let mut asked = request("GET", &format!("/status/{status}?secret=1"), "");
        asked.headers_mut().insert("x-request-id", format!("tea-{status}").parse().expect("a header"));
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        asked.headers_mut().insert("traceparent", trace.parse().expect("a header"));
        try_send(server.address, Protocol::Http1, asked).expect("an answer")
    };
    for server in servers(&["--access-log", "1"]) {
        let answer = ask(&server, 418);
        let line = server.wait_for_log(|line| line["request_id"] == "tea-418");
        let texts = ["target", "level", "method", "path", "trace_id", "message"].map(|field| line[field].as_str());
        let expected = ["access", "INFO", "GET", "/status/418", "4bf92f3577b34da6a3ce929d0e0e4736", "request"];
        assert_eq!(texts, expected.map(Some));
        assert_eq!(line["runtime"], server.get("/info").json()["runtime"]);
        assert_eq!((line["status"].as_u64(), line["bytes"].as_u64()), (Some(418), Some(answer.body.len() as u64)));
        assert!(line["latency_us"].is_u64() && line["timestamp"].is_string());
    }
    // As by default, but for the line that tells the tests the address.
    for server in servers(&["--log", "info,hello_server=debug"]) {
        ask(&server, 418);
        ask(&server, 503);
        assert_eq!(server.wait_for_log(|line| line["target"] == "access")["request_id"], "tea-503");
    }
    for server in servers(&["--access-log", "0.5"]) {
        for _ in 0..200 {
            ask(&server, 200);
        }
        ask(&server, 503);
        server.wait_for_log(|line| line["request_id"] == "tea-503");
        let lines = server.log().iter().filter(|line| line["request_id"] == "tea-200").count();
        // By chance outside of this once in a million runs.
        assert!((65..=135).contains(&lines), "{lines} of 200");
    }
}

#[test]
fn the_log_is_switched_while_it_runs() {
    let switch =
        |server: &Server, filter: &str| send(server.admin, Protocol::Http1, request("PUT", "/log", filter.to_owned()));
    for server in servers(&["--access-log", "1", "--log", "debug,access=off"]) {
        let current = server.admin("/log");
        assert!(["debug", "access=off"].iter().all(|part| current.text().contains(part)), "{}", current.text());
        _ = server.get("/");
        server.wait_for_metric("http_requests_total{method=\"GET\",status=\"200\"}", 1.0);
        assert_eq!(switch(&server, "info").text(), "info\n");
        _ = server.get("/status/418");
        let lines = || server.log().into_iter().filter(|line| line["target"] == "access").collect::<Vec<_>>();
        assert_eq!(server.wait_for_log(|line| line["target"] == "access")["path"], "/status/418");
        assert_eq!(lines().len(), 1);

        let refused = switch(&server, "inof");
        assert_eq!(refused.status, 400);
        assert!(
            refused.json()["detail"].as_str().is_some_and(|detail| detail.contains("off, error, warn, info or debug"))
        );
        assert_eq!(switch(&server, &"a=info,".repeat(1000)).status, 400);
        assert_eq!(server.admin("/log").text(), "info\n");
        let mut silent = TcpStream::connect(server.admin).expect("a connection");
        silent.write_all(b"PUT /log HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n").expect("sent");
        let mut refused = String::new();
        silent.read_to_string(&mut refused).expect("an answer, though no filter comes");
        assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
        let not_allowed = send(server.admin, Protocol::Http1, request("POST", "/log", "info"));
        assert_eq!((not_allowed.status.as_u16(), not_allowed.header("allow")), (405, "GET, HEAD, PUT"));
    }
}
