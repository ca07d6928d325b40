//! Readiness that an operator changes, and the methods of the admin port.

use std::process::Command;

use tests::{Protocol, Server, request, send};

tests::command_tests! {
    readiness_can_be_disabled_and_enabled;
    admin_port_rejects_other_methods_and_paths;
}

fn readiness_can_be_disabled_and_enabled(command: Command) {
    let server = Server::start(command);
    let post = |path| send(server.admin, Protocol::Http1, request("POST", path, ""));
    assert_eq!(post("/readyz/disable").status, 200);
    let readiness = server.get_admin("/readyz");
    assert_eq!((readiness.status.as_u16(), readiness.text()), (503, "disabled\n"));
    assert_eq!(server.get("/").status, 200, "requests are still served");
    assert_eq!(post("/readyz/enable").status, 200);
    assert_eq!(server.get_admin("/readyz").status, 200);
}

fn admin_port_rejects_other_methods_and_paths(command: Command) {
    let server = Server::start(command);
    let rejected = server.get_admin("/readyz/disable");
    assert_eq!((rejected.status.as_u16(), rejected.header("allow")), (405, "POST"));
    let rejected = send(server.admin, Protocol::Http1, request("POST", "/metrics", ""));
    assert_eq!((rejected.status.as_u16(), rejected.header("allow")), (405, "GET, HEAD"));
    assert_eq!(server.get_admin("/nope").status, 404);
}
