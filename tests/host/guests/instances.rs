//! Instances: their number, their reuse, and their end.

use std::thread;

use tests::{
    Server, get, host_command,
    log_messages::{DRAINED, GUEST_OUTPUT},
    start,
};

use crate::serve;

tests::guest_tests! {
    instances_over_the_limit_are_rejected_with_503;
}

fn instances_over_the_limit_are_rejected_with_503(guest: &str) {
    let server = serve(guest, &["--max-in-flight", "1"]);
    let address = server.address;
    let never = thread::spawn(move || get(address, "/never").status);
    server.wait_for_metric("http_requests_in_flight", 1.0);
    assert_eq!(server.get("/ok").status, 503);
    assert_eq!(never.join().expect("the request in flight gets its response"), 504);
    server.wait_for_metric("wasm_instances", 0.0);
    server.wait_for_metric("http_requests_in_flight", 0.0);
    assert_eq!(server.get("/ok").status, 200);
}

/// The guest returns how many requests its instance has served before.
fn counts(server: &Server, requests: usize) -> Vec<String> {
    (0..requests).map(|_| server.get("/count").text().to_owned()).collect()
}

#[test]
fn wasi_0_2_instance_serves_one_request() {
    assert_eq!(counts(&serve("guest_p2.wasm", &[]), 5), ["0"; 5]);
    assert_eq!(counts(&serve("guest_p2.wasm", &["--max-instance-reuse-count", "100"]), 5), ["0"; 5]);
}

#[test]
fn wasi_0_3_instance_serves_no_more_requests_than_its_reuse_count() {
    assert_eq!(counts(&serve("guest_p3.wasm", &["--max-instance-reuse-count", "1"]), 5), ["0"; 5]);
    let flags = ["--max-instance-reuse-count", "2", "--idle-instance-timeout", "1h"];
    let counts = counts(&serve("guest_p3.wasm", &flags), 100);
    assert!(counts.iter().all(|count| ["0", "1"].contains(&count.as_str())), "{counts:?}");
    assert!(counts.contains(&"1".to_owned()), "no instance has served a second request");
}

#[test]
fn drain_waits_for_guest_background_work() {
    let server = start(host_command("guest_p2.wasm"), &["--drain-delay", "0s"]);
    assert_eq!(server.get("/later").text(), "ok");
    server.signal("TERM");
    server.wait_for_message(DRAINED);
    let is_done = |line: &&serde_json::Value| line["message"] == GUEST_OUTPUT && line["output"] == "done later";
    assert_eq!(server.log().iter().filter(is_done).count(), 1);
    assert_eq!(server.wait_for_exit().code(), Some(0));
}
