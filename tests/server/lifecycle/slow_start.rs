//! A server between the binding of its ports and readiness.

use tests::{Server, connect, host_command, with_flags};

tests::guest_tests! {
    probes_are_served_while_the_guest_is_instantiated;
}

/// The guest loops while it is instantiated, so the server stays between bound and ready until the time-out.
fn probes_are_served_while_the_guest_is_instantiated(guest: &str) {
    let flags = ["--env", "LOOP_AT_START=always", "--request-timeout", "3s"];
    let server = Server::start_bound(with_flags(host_command(guest), &flags));
    assert_eq!(server.get_admin("/livez").status, 200);
    let readiness = server.get_admin("/readyz");
    assert_eq!((readiness.status.as_u16(), readiness.text()), (503, "starting\n"));
    drop(connect(server.address));
    let error = "took longer than 3s to instantiate";
    server.wait_for_log(|line| line.as_str().is_some_and(|line| line.contains(error)));
    assert_eq!(server.wait_for_exit().code(), Some(1));
}
