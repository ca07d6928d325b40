//! Failures of a guest, and responses that are invalid.

use tests::{Protocol, request, send, try_send, with_background_traffic};

use crate::{looping, serve};

tests::guest_tests! {
    misbehaving_guest_fails_alone;
    invalid_guest_response_is_contained;
    broken_guest_body_is_incomplete_and_logged;
    guest_does_not_run_for_a_body_over_the_limit;
}

const PROTOCOLS: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

fn misbehaving_guest_fails_alone(guest: &str) {
    let _turn = looping::take_turn();
    let server = serve(guest, &[]);
    with_background_traffic(&server, "/ok", || {
        for (path, status) in [("/loop", 504), ("/trap", 500), ("/recurse", 500), ("/memory", 500), ("/never", 504)] {
            for protocol in PROTOCOLS {
                let response = send(server.address, protocol, request("GET", path, ""));
                assert_eq!(response.status, status, "{path} {protocol:?}: {:?}", response.body);
                assert_eq!(response.header("content-type"), "application/problem+json", "{path} {protocol:?}");
                assert_eq!(response.json()["status"], status, "{path} {protocol:?}");
            }
        }
    });
    server.wait_for_metric("wasm_instance_failures_total{reason=\"timeout\"}", 4.0);
    server.wait_for_metric("wasm_instance_failures_total{reason=\"trap\"}", 6.0);
    // Nothing is left: idle instances are dropped after a second, failed ones at once.
    server.wait_for_metric("wasm_instances", 0.0);
    server.wait_for_metric("wasm_guest_memory_bytes", 0.0);
    server.wait_for_metric("http_requests_in_flight", 0.0);
}

fn invalid_guest_response_is_contained(guest: &str) {
    let server = serve(guest, &[]);
    with_background_traffic(&server, "/ok", || {
        for protocol in PROTOCOLS {
            for path in ["/many-headers", "/forged-header"] {
                let response = send(server.address, protocol, request("GET", path, ""));
                assert_eq!(response.status, 500, "{path} {protocol:?}");
            }
            // A body shorter than its length never looks complete. Of a longer one, no byte can look like another response.
            for (path, length) in [("/too-short", None), ("/too-long", Some(1))] {
                if let Ok(response) = try_send(server.address, protocol, request("GET", path, "")) {
                    let is_contained = response.status == 500 || Some(response.body.len()) == length;
                    assert!(is_contained, "{path} {protocol:?}: {response:?}");
                }
            }
        }
    });
}

fn broken_guest_body_is_incomplete_and_logged(guest: &str) {
    let server = serve(guest, &[]);
    with_background_traffic(&server, "/ok", || {
        for protocol in PROTOCOLS {
            let mut request = request("GET", "/break", "");
            let id = format!("broken-{protocol:?}");
            request.headers_mut().insert("x-request-id", id.parse().expect("the value is valid"));
            let broken = try_send(server.address, protocol, request);
            assert!(broken.is_err(), "{protocol:?}: {broken:?}");
            let line = server.wait_for_log(|line| line["request_id"] == id.as_str());
            let texts = ["message", "level", "path"].map(|field| line[field].as_str());
            assert_eq!(texts, ["response aborted", "WARN", "/break"].map(Some));
        }
    });
    server.wait_for_metric("wasm_instance_failures_total{reason=\"trap\"}", 2.0);
}

fn guest_does_not_run_for_a_body_over_the_limit(guest: &str) {
    let server = serve(guest, &["--body-limit", "1KiB"]);
    for _ in 0..3 {
        let response = send(server.address, Protocol::Http1, request("POST", "/ok", vec![b'x'; 1025]));
        assert_eq!(response.status, 413);
    }
    server.wait_for_metric("http_requests_total{method=\"POST\",status=\"413\"}", 3.0);
    // The instance that the start made has served no request.
    server.wait_for_metric("wasm_instantiations_total", 1.0);
    server.wait_for_metric("wasm_instance_reuses_total", 0.0);
}
