//! Where a program listens.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    process::Command,
};

use tests::{Server, get};

/// `--listen` is a flag that the test's server sets itself, to another address.
fn on_any(mut command: Command) -> Command {
    command.args(["--listen", "[::]:0", "--admin-listen", "[::]:0"]);
    command
}

fn serves(port: u16, ip: impl Into<std::net::IpAddr>) {
    let address = SocketAddr::new(ip.into(), port);
    assert_eq!(get(address, "/healthz").status, 200, "{address}");
}

pub(crate) fn over_both(command: Command) {
    let server = Server::start(on_any(command));
    serves(server.address.port(), Ipv4Addr::LOCALHOST);
    serves(server.address.port(), Ipv6Addr::LOCALHOST);
    assert_eq!(get(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), server.admin.port()), "/livez").status, 200);
    assert_eq!(get(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), server.admin.port()), "/livez").status, 200);
}

/// The kernel refuses the first and the third socket, as one without IPv6 does: those for IPv6 of both ports.
pub(crate) fn without_ipv6(command: Command) {
    let command = on_any(command);
    let mut traced = Command::new("strace");
    traced.args(["--quiet=all", "--output=/dev/null", "--follow-forks", "--trace=socket"]);
    traced.arg("--inject=socket:error=EAFNOSUPPORT:when=1..3+2").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => traced.env(name, value),
            None => traced.env_remove(name),
        };
    }
    let server = Server::start(traced);
    assert!(server.address.is_ipv4() && server.admin.is_ipv4(), "{} and {}", server.address, server.admin);
    serves(server.address.port(), Ipv4Addr::LOCALHOST);
    let is_told = |line: &serde_json::Value| line["message"] == "the kernel has no IPv6; listening on IPv4 only";
    assert_eq!(server.log().into_iter().filter(is_told).count(), 2);
}
