//! The limit on the memory of all instances together.

use std::{
    io::{Read, Write},
    thread,
};

use tests::{connect, get, with_background_traffic};

use crate::serve;

tests::guest_tests! {
    total_memory_limit_holds_for_all_instances;
    total_memory_limit_rejects_requests_with_503;
    refused_growth_is_not_counted;
}

/// The total limit is lower than the limit of one instance.
fn total_memory_limit_holds_for_all_instances(guest: &str) {
    let server = serve(guest, &["--max-total-memory-size", "12MiB"]);
    assert_eq!(server.get("/memory").status, 500);
    server.wait_for_log(|line| line["message"] == "guest was refused memory" && line["of"] == "all instances");
    assert_eq!(server.get("/ok").text(), "ok");
    server.wait_for_metric("wasm_guest_memory_bytes", 0.0);
}

/// The total limit is enough for one instance.
fn total_memory_limit_rejects_requests_with_503(guest: &str) {
    let server = serve(guest, &["--max-total-memory-size", "2MiB", "--request-timeout", "1h"]);
    let mut client = connect(server.address);
    client.write_all(b"GET /forever HTTP/1.1\r\nHost: a\r\n\r\n").expect("the request is sent");
    client.read_exact(&mut [0]).expect("the response starts");
    let rejected = server.get("/ok");
    assert_eq!((rejected.status.as_u16(), rejected.header("retry-after")), (503, "1"), "{:?}", rejected.body);
    server.wait_for_metric("http_requests_shed_total", 1.0);
    server.wait_for_metric("wasm_instance_failures_total{reason=\"instantiation\"}", 1.0);
    drop(client);
    server.wait_for_metric("wasm_instances", 0.0);
    assert_eq!(server.get("/ok").text(), "ok");
}

/// A guest requests more than its own limit in a loop.
fn refused_growth_is_not_counted(guest: &str) {
    let flags = ["--max-total-memory-size", "64MiB", "--max-instance-reuse-count", "1"];
    let server = serve(guest, &flags);
    let (peak, _) = with_background_traffic(&server, "/ok", || {
        let address = server.address;
        let greedy = thread::spawn(move || (0..4).for_each(|_| assert_eq!(get(address, "/greedy").status, 504)));
        let counted = std::iter::from_fn(|| (!greedy.is_finished()).then(|| server.metric("wasm_guest_memory_bytes")));
        let peak = counted.fold(0.0, f64::max);
        greedy.join().expect("each greedy request gets 504");
        peak
    });
    assert!(peak > 0.0 && peak <= f64::from(64 << 20), "{peak} bytes");
}
