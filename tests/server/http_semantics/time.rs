//! Time-outs of connections, and connections that send almost nothing.

use std::{
    io::Write,
    net::TcpStream,
    thread::sleep,
    time::{Duration, Instant},
};

use tests::{Protocol, Server, connect, read_to_close, request, send};

use crate::Case;

pub(crate) const CASES: &[Case] = &[
    (
        "a request that starts late in the idle time is served",
        &["--idle-timeout", "1s", "--header-timeout", "2s"],
        late_request,
    ),
    (
        "the header time-out starts with the first byte",
        &["--idle-timeout", "1h", "--header-timeout", "500ms"],
        slow_headers,
    ),
    ("an idle connection is closed", &["--idle-timeout", "300ms", "--header-timeout", "1h"], idle),
    ("connections that send a part of the preface use no CPU time", &["--header-timeout", "1h"], parts_of_preface),
    ("an empty log filter is rejected, and probes succeed while others upload filters", &[], log_filters),
];

const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// The pauses are the condition under test.
fn late_request(server: &Server) {
    let mut stream = connect(server.address);
    sleep(Duration::from_millis(900));
    stream.write_all(&HEAD[..10]).expect("the request is sent");
    sleep(Duration::from_millis(600));
    stream.write_all(&HEAD[10..]).expect("the request is sent");
    let response = read_to_close(&mut stream);
    assert!(response.starts_with("HTTP/1.1 200"), "{response:?}");
}

fn slow_headers(server: &Server) {
    for bytes in [&b"G"[..], b"P", b"PRI * HTTP/2", b"GET / HTTP/1.1\r\nHost: a\r\n"] {
        let mut stream = connect(server.address);
        sleep(Duration::from_millis(700));
        let started = Instant::now();
        stream.write_all(bytes).expect("the connection is open");
        _ = read_to_close(&mut stream);
        assert!(started.elapsed() >= Duration::from_millis(490), "{bytes:?}: after {:?}", started.elapsed());
        assert!(started.elapsed() < Duration::from_secs(5), "{bytes:?}: after {:?}", started.elapsed());
    }
}

fn idle(server: &Server) {
    for bytes in [&b""[..], b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let mut stream = connect(server.address);
        stream.write_all(bytes).expect("the request is sent");
        let started = Instant::now();
        _ = read_to_close(&mut stream);
        assert!(started.elapsed() < Duration::from_secs(5), "after {:?}", started.elapsed());
    }
    server.wait_for_metric("http_connections", 0.0);
}

fn parts_of_preface(server: &Server) {
    let connections: Vec<TcpStream> = (0..500)
        .map(|_| {
            let mut stream = connect(server.address);
            stream.write_all(b"P").expect("the request is sent");
            stream
        })
        .collect();
    server.wait_for_metric("http_connections", 500.0);
    let ticks = || -> u64 { server.worker_cpu_ticks().iter().sum() };
    let before = ticks();
    sleep(Duration::from_secs(1));
    // A busy CPU has 100 ticks per second.
    assert!(ticks() - before <= 5, "{} ticks for idle connections", ticks() - before);
    drop(connections);
}

fn log_filters(server: &Server) {
    let put = |filter: &'static str| send(server.admin, Protocol::Http1, request("PUT", "/log", filter)).status;
    for filter in ["", " ", "info,", ",", "=info", "access="] {
        assert_eq!(put(filter), 400, "{filter:?}");
    }
    assert_eq!(put("info,access=off"), 200);
    // More connections than the admin port serves at the same time.
    let without_body: Vec<TcpStream> = (0..1100)
        .map(|_| {
            let mut stream = connect(server.admin);
            stream
                .write_all(b"PUT /log HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
                .expect("the request is sent");
            stream
        })
        .collect();
    let started = Instant::now();
    assert_eq!(server.get_admin("/livez").status, 200);
    assert!(started.elapsed() < Duration::from_secs(2), "a probe took {:?}", started.elapsed());
    drop(without_body);
}
