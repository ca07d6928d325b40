//! Time-outs of connections, and connections that hardly send anything.

use std::{
    io::Write,
    net::TcpStream,
    thread::sleep,
    time::{Duration, Instant},
};

use tests::{Protocol, Server, read_to_close, request, send, tcp};

use crate::Case;

pub(crate) const CASES: &[Case] = &[
    (
        "a request that begins late in the idle time is served",
        &["--idle-timeout", "1s", "--header-timeout", "2s"],
        late_request,
    ),
    (
        "headers have their time from their first byte",
        &["--idle-timeout", "1h", "--header-timeout", "500ms"],
        slow_headers,
    ),
    ("an idle connection is closed", &["--idle-timeout", "300ms", "--header-timeout", "1h"], idle),
    ("connections that send a part of the preface take no processor", &["--header-timeout", "1h"], parts_of_preface),
    ("an empty filter of the log is rejected, and probes pass while none comes", &[], log_filters),
];

const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// The times are what is tested.
fn late_request(server: &Server) {
    let mut stream = tcp(server.address);
    sleep(Duration::from_millis(900));
    stream.write_all(&HEAD[..10]).expect("sent");
    sleep(Duration::from_millis(600));
    stream.write_all(&HEAD[10..]).expect("sent");
    let response = read_to_close(&mut stream);
    assert!(response.starts_with("HTTP/1.1 200"), "{response:?}");
}

fn slow_headers(server: &Server) {
    for bytes in [&b"G"[..], b"P", b"PRI * HTTP/2", b"GET / HTTP/1.1\r\nHost: a\r\n"] {
        let mut stream = tcp(server.address);
        sleep(Duration::from_millis(700));
        let begun = Instant::now();
        stream.write_all(bytes).expect("the connection is there");
        _ = read_to_close(&mut stream);
        assert!(begun.elapsed() >= Duration::from_millis(490), "{bytes:?}: after {:?}", begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(5), "{bytes:?}: after {:?}", begun.elapsed());
    }
}

fn idle(server: &Server) {
    for bytes in [&b""[..], b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let mut stream = tcp(server.address);
        stream.write_all(bytes).expect("sent");
        let begun = Instant::now();
        _ = read_to_close(&mut stream);
        assert!(begun.elapsed() < Duration::from_secs(5), "after {:?}", begun.elapsed());
    }
    server.wait_for_metric("http_connections", 0.0);
}

fn parts_of_preface(server: &Server) {
    let connections: Vec<TcpStream> = (0..500)
        .map(|_| {
            let mut stream = tcp(server.address);
            stream.write_all(b"P").expect("sent");
            stream
        })
        .collect();
    server.wait_for_metric("http_connections", 500.0);
    let ticks = || -> u64 { server.ticks_of_workers().iter().sum() };
    let before = ticks();
    sleep(Duration::from_secs(1));
    // Of 100 for each processor.
    assert!(ticks() - before <= 5, "{} ticks for connections that wait", ticks() - before);
    drop(connections);
}

fn log_filters(server: &Server) {
    let put = |filter: &'static str| send(server.admin, Protocol::Http1, request("PUT", "/log", filter)).status;
    for filter in ["", " ", "info,", ",", "=info", "access="] {
        assert_eq!(put(filter), 400, "{filter:?}");
    }
    assert_eq!(put("info,access=off"), 200);
    // More than the admin port serves at once.
    let without_body: Vec<TcpStream> = (0..1100)
        .map(|_| {
            let mut stream = tcp(server.admin);
            stream.write_all(b"PUT /log HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n").expect("sent");
            stream
        })
        .collect();
    let begun = Instant::now();
    assert_eq!(server.admin("/livez").status, 200);
    assert!(begun.elapsed() < Duration::from_secs(2), "a probe took {:?}", begun.elapsed());
    drop(without_body);
}
