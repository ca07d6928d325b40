//! Addresses that a server listens on.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::Command,
};

use serde_json::Value;
use tests::{Server, get, with_flags};

/// Flags, as the test's server sets the variables itself.
fn listen_on_all_addresses(command: Command) -> Command {
    with_flags(command, &["--listen", "[::]:0", "--admin-listen", "[::]:0"])
}

fn assert_serves(ip: impl Into<IpAddr>, port: u16, path: &str) {
    let address = SocketAddr::new(ip.into(), port);
    assert_eq!(get(address, path).status, 200, "{address}");
}

pub(crate) fn both_address_families(command: Command) {
    let server = Server::start(listen_on_all_addresses(command));
    for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
        assert_serves(ip, server.address.port(), "/healthz");
        assert_serves(ip, server.admin.port(), "/livez");
    }
}

/// strace makes the first and the third socket fail, which are those for IPv6 of both ports.
pub(crate) fn kernel_without_ipv6(command: Command) {
    let command = listen_on_all_addresses(command);
    let mut traced = Command::new("strace");
    traced.args(["--quiet=all", "--output=/dev/null", "--follow-forks", "--trace=socket"]);
    traced.arg("--inject=socket:error=EAFNOSUPPORT:when=1..3+2").arg(command.get_program()).args(command.get_args());
    let server = Server::start(traced);
    assert!(server.address.is_ipv4() && server.admin.is_ipv4(), "{} and {}", server.address, server.admin);
    assert_serves(Ipv4Addr::LOCALHOST, server.address.port(), "/healthz");
    let is_warning = |line: &Value| line["message"] == "the kernel has no IPv6; listening on IPv4 only";
    assert_eq!(server.log().into_iter().filter(is_warning).count(), 2);
}
