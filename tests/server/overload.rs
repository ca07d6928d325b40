//! More load than the limits allow: requests are rejected or wait, and the admin port is not affected. `make bench` measures how fast.

use std::{
    io::{ErrorKind, Read, Write},
    thread,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tests::{Server, connect, read_to_close, send_raw};

tests::server_tests! {
    overload_returns_503_with_retry_after(&["--max-in-flight", "16"]);
    burst_of_connections_is_accepted(&["--max-connections", "1"]);
    ten_thousand_idle_connections_are_kept_and_one_more_waits(&["--max-connections", "10000", "--idle-timeout", "1h"]);
}

const IN_FLIGHT_LIMIT: u32 = 16;
const CLIENTS: u32 = 10 * IN_FLIGHT_LIMIT;
const REQUESTS_PER_CLIENT: u32 = 5;

/// Sends a request, and returns whether it was rejected.
fn is_rejected(server: &Server) -> bool {
    let response = send_raw(server, b"GET /delay/0.05 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(response.ends_with('}'), "the body is incomplete: {response}");
    if response.starts_with("HTTP/1.1 200") {
        return false;
    }
    assert!(response.starts_with("HTTP/1.1 503") && response.contains("\r\nretry-after: 1\r\n"), "{response}");
    true
}

fn overload_returns_503_with_retry_after(server: &Server) {
    let client = || (0..REQUESTS_PER_CLIENT).map(|_| u32::from(is_rejected(server))).sum::<u32>();
    let rejected: u32 = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        while !clients.iter().all(thread::ScopedJoinHandle::is_finished) {
            assert_eq!(server.get_admin("/livez").status, 200);
            assert_eq!(server.get_admin("/readyz").status, 200);
            assert_eq!(server.get_admin("/metrics").status, 200);
        }
        clients.into_iter().map(|client| client.join().expect("the responses are 200 or 503")).sum()
    });
    let requests = CLIENTS * REQUESTS_PER_CLIENT;
    assert!((1..=requests - IN_FLIGHT_LIMIT).contains(&rejected), "{rejected} of {requests} were rejected");
    server.wait_for_metric("http_requests_shed_total", rejected.into());
    server.wait_for_metric("http_requests_total{method=\"GET\",status=\"200\"}", (requests - rejected).into());
    server.wait_for_metric("http_requests_in_flight", 0.0);
}

/// One connection is accepted; the kernel queues the others.
fn burst_of_connections_is_accepted(server: &Server) {
    let accepted = connect(server.address);
    for _ in 0..1000 {
        drop(connect(server.address));
    }
    drop(accepted);
    assert_eq!(server.get("/").status, 200);
}

fn ten_thousand_idle_connections_are_kept_and_one_more_waits(server: &Server) {
    const LIMIT: u32 = 10_000;
    let own = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: own.maximum, maximum: own.maximum })
        .expect("the process may have more descriptors");
    let mut idle: Vec<_> = (0..LIMIT).map(|_| connect(server.address)).collect();
    server.wait_for_metric("http_connections", LIMIT.into());
    let mut waiting = connect(server.address);
    waiting.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("the request is sent");
    assert_eq!(server.get_admin("/livez").status, 200);
    assert_eq!(server.get_admin("/metrics").status, 200);
    waiting.set_nonblocking(true).expect("the socket accepts it");
    assert_eq!(waiting.read(&mut [0]).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));

    idle.pop();
    waiting.set_nonblocking(false).expect("the socket accepts it");
    let response = read_to_close(&mut waiting);
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    drop(idle);
    server.wait_for_metric("http_connections", 0.0);
    assert_eq!(server.get("/").status, 200);
}
