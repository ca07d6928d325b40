//! Clients that disconnect while a guest works for them.

use std::io::{Read, Write};

use tests::{Server, connect, host_command, reset_connection, start};

tests::guest_tests! {
    client_that_disconnects_before_the_response_frees_its_instance;
    client_that_disconnects_within_the_body_frees_its_instance;
}

fn start_with_one_permit(guest: &str) -> Server {
    start(host_command(guest), &["--request-timeout", "1h", "--max-in-flight", "1"])
}

fn assert_instance_is_freed(server: &Server) {
    server.wait_for_metric("wasm_instances", 0.0);
    server.wait_for_metric("wasm_instance_failures_total{reason=\"timeout\"}", 0.0);
    server.wait_for_metric("http_requests_in_flight", 0.0);
    assert_eq!(server.get("/ok").status, 200);
}

fn client_that_disconnects_before_the_response_frees_its_instance(guest: &str) {
    let server = start_with_one_permit(guest);
    let mut client = connect(server.address);
    client.write_all(b"GET /never HTTP/1.1\r\nHost: a\r\n\r\n").expect("the request is sent");
    server.wait_for_metric("wasm_instances", 1.0);
    reset_connection(client);
    assert_instance_is_freed(&server);
}

fn client_that_disconnects_within_the_body_frees_its_instance(guest: &str) {
    let server = start_with_one_permit(guest);
    let mut client = connect(server.address);
    client.write_all(b"GET /forever HTTP/1.1\r\nHost: a\r\n\r\n").expect("the request is sent");
    server.wait_for_metric("wasm_instances", 1.0);
    client.read_exact(&mut vec![0; 100_000]).expect("the body starts");
    reset_connection(client);
    assert_instance_is_freed(&server);
}
