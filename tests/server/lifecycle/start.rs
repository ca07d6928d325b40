//! The start of a server, and the line that reports its end.

use std::{
    net::{SocketAddr, TcpListener},
    process::Command,
};

use tests::{
    Server, connect, dist_file, free_address, get, host_command, log_messages::STARTING, native_command, run_to_exit,
    with_flags,
};

use crate::assert_one_line_error;

tests::command_tests! {
    readyz_is_200_once_the_server_is_ready;
    build_info_has_the_commit_of_the_environment;
    killed_server_restarts_on_the_same_port;
    busy_port_is_rejected_in_one_line;
    workers_are_limited_to_the_allowed_cpus;
}

fn readyz_is_200_once_the_server_is_ready(command: Command) {
    let readiness = Server::start(command).get_admin("/readyz");
    assert_eq!((readiness.status.as_u16(), readiness.text()), (200, "ready\n"));
}

fn build_info_has_the_commit_of_the_environment(mut command: Command) {
    command.env("HELLO_COMMIT", "abc123");
    let metrics = Server::start(command).get_admin("/metrics");
    assert!(metrics.text().contains("commit=\"abc123\""), "{}", metrics.text());
}

#[test]
fn ready_line_has_url_runtime_and_component() {
    let server = Server::start(host_command("hello-wasi-0.3.wasm"));
    let ready = server.wait_for_message("ready");
    assert_eq!(ready["url"], format!("http://{}", server.address));
    assert_eq!(ready["runtime"], "wasi-0.3");
    assert_eq!(ready["component"], dist_file("hello-wasi-0.3.wasm").to_str().expect("the path is UTF-8"));
}

#[allow(clippy::needless_pass_by_value)] // As the other functions of `command_tests`.
fn killed_server_restarts_on_the_same_port(command: Command) {
    let address = free_address().to_string();
    let start = || {
        let mut copy = Command::new(command.get_program());
        copy.args(command.get_args());
        Server::start(with_flags(copy, &["--listen", &address]))
    };
    let killed = start();
    // The kernel keeps this connection when the process has ended.
    let _open = connect(killed.address);
    assert_eq!(killed.get("/").status, 200);
    killed.signal("KILL");
    assert!(!killed.wait_for_exit().success());
    assert_eq!(start().get("/").status, 200);
}

fn busy_port_is_rejected_in_one_line(command: Command) {
    let busy = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address: SocketAddr = busy.local_addr().expect("the listener is bound");
    let flags = ["--listen", &address.to_string(), "--admin-listen", "127.0.0.1:0"];
    let exit = run_to_exit(with_flags(command, &flags));
    assert_one_line_error(&exit, 1, &[&address.to_string(), "in use", "--listen"]);
}

/// Kubernetes sets such variables for a Service with the name `hello`.
#[test]
fn kubernetes_service_variables_are_ignored() {
    let mut command = native_command();
    command
        .env("HELLO_SERVICE_HOST", "10.0.0.1")
        .env("HELLO_PORT_80_TCP_ADDR", "10.0.0.1")
        .env("HELLO_PORT", "tcp://10.0.0.1:80");
    assert_eq!(Server::start(command).get("/").status, 200);
}

#[allow(clippy::needless_pass_by_value)] // As the other functions of `command_tests`.
fn workers_are_limited_to_the_allowed_cpus(command: Command) {
    let mut confined = Command::new("taskset");
    confined.args(["--cpu-list", "0"]).arg(command.get_program()).args(command.get_args());
    let server = Server::start(confined);
    assert_eq!(server.wait_for_message(STARTING)["workers"], 1);
    assert_eq!(get(server.address, "/").status, 200);
}
