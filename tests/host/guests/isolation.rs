//! Isolation of a guest: its variables, and its requests to other servers.

use std::net::TcpListener;

use tests::{Server, host_command};

use crate::serve;

tests::guest_tests! {
    guest_sees_only_the_variables_that_it_is_given;
    outbound_request_is_rejected_unless_its_host_is_allowed;
}

fn guest_sees_only_the_variables_that_it_is_given(guest: &str) {
    let mut command = host_command(guest);
    command
        .env("DATABASE_PASSWORD", "hidden")
        .env("DATABASE_HOST", "db")
        .env("DATABASE_NAME", "notes")
        .env("HELLO_MAX_INSTANCES", "4")
        .env("HELLO_PASS_ENV", "DATABASE_HOST,DATABASE_NAME,NOT_SET")
        .args(["--env", "GIVEN=1"]);
    let server = Server::start(command);
    let visible = server.get("/environment").text().to_owned();
    assert_eq!(visible, "DATABASE_HOST DATABASE_NAME GIVEN HOSTNAME WASI_HOST");
    server.wait_for_log(|line| line["variable"] == "NOT_SET" && line["level"] == "WARN");
}

fn outbound_request_is_rejected_unless_its_host_is_allowed(guest: &str) {
    let target = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    target.set_nonblocking(true).expect("the socket accepts it");
    let port = target.local_addr().expect("the listener is bound").port();
    for flags in [&[][..], &["--allowed-outbound-hosts", "example.com"]] {
        let server = serve(guest, flags);
        let response = server.get(&format!("/fetch?http://127.0.0.1:{port}/"));
        assert!(response.text().contains("refused"), "{}", response.text());
        assert!(target.accept().is_err(), "the guest connected to the target");
    }
    // An allowed target, here the admin port of another server, is reached.
    let other = serve(guest, &[]);
    let allowed = serve(guest, &["--allowed-outbound-hosts", "127.0.0.1", "--request-timeout", "10s"]);
    let response = allowed.get(&format!("/fetch?http://{}/livez", other.admin));
    assert_eq!(response.text(), "fetched 200");
}
