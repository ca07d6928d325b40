//! More than there is room for: what has no place is refused in a word, what has one is answered, and the admin port knows nothing
//! of it. How fast, is for `make bench`.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    thread,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tests::{PATIENCE, Server, raw, servers};

tests::server_tests! {
    connections_that_come_all_at_once_are_all_let_in(&["--max-connections", "1"]);
}

#[test]
fn at_ten_times_the_capacity_what_has_no_place_is_told_when_to_come_again() {
    const PLACES: u32 = 16;
    const CALLERS: u32 = 10 * PLACES;
    for server in servers(&["--max-in-flight", &PLACES.to_string()]) {
        let call = || {
            let answer = raw(&server, b"GET /delay/0.05 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            assert!(answer.ends_with('}'), "not whole: {answer}");
            let is_shed = answer.starts_with("HTTP/1.1 503");
            assert!(
                is_shed && answer.contains("\r\nretry-after: 1\r\n") || answer.starts_with("HTTP/1.1 200"),
                "{answer}"
            );
            is_shed
        };
        let shed: u32 = thread::scope(|scope| {
            let callers: Vec<_> =
                (0..CALLERS).map(|_| scope.spawn(|| (0..5).map(|_| u32::from(call())).sum::<u32>())).collect();
            while !callers.iter().all(thread::ScopedJoinHandle::is_finished) {
                assert_eq!(server.admin("/livez").status, 200);
                assert_eq!(server.admin("/readyz").status, 200);
                assert_eq!(server.admin("/metrics").status, 200);
            }
            callers.into_iter().map(|caller| caller.join().expect("a sound answer")).sum()
        });
        assert!((1..=5 * CALLERS - PLACES).contains(&shed), "{shed} shed");
        server.wait_for_metric("http_requests_shed_total", shed.into());
        server.wait_for_metric("http_requests_total{method=\"GET\",status=\"200\"}", (5 * CALLERS - shed).into());
        server.wait_for_metric("http_requests_in_flight", 0.0);
    }
}

fn connections_that_come_all_at_once_are_all_let_in(server: &Server) {
    let accepted = TcpStream::connect(server.address).expect("a connection");
    // The rest is for the kernel to hold.
    for number in 1..=1000 {
        let waiting = TcpStream::connect_timeout(&server.address, PATIENCE / 6);
        waiting.unwrap_or_else(|error| panic!("connection {number}: {error}"));
    }
    drop(accepted);
    assert_eq!(server.get("/").status, 200);
}

#[test]
fn ten_thousand_idle_connections_are_held_and_one_more_waits() {
    const CAP: usize = 10_000;
    let own = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: own.maximum, maximum: own.maximum }).expect("more descriptors");
    for server in servers(&["--max-connections", &CAP.to_string(), "--idle-timeout", "1h"]) {
        let mut idle: Vec<_> = (0..CAP).map(|_| TcpStream::connect(server.address).expect("a connection")).collect();
        #[allow(clippy::cast_precision_loss)]
        server.wait_for_metric("http_connections", CAP as f64);
        let mut waiting = TcpStream::connect(server.address).expect("a place in the queue of the kernel");
        waiting.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("sent");
        assert_eq!(server.admin("/livez").status, 200);
        assert_eq!(server.admin("/metrics").status, 200);
        waiting.set_nonblocking(true).expect("a socket");
        assert_eq!(waiting.read(&mut [0]).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));

        idle.pop();
        waiting.set_nonblocking(false).expect("a socket");
        let mut answer = String::new();
        waiting.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        drop(idle);
        server.wait_for_metric("http_connections", 0.0);
        assert_eq!(server.get("/").status, 200);
    }
}
