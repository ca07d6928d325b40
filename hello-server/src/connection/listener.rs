//! Ports to listen on.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
};

use socket2::{Domain, Socket, Type};

/// Connections that may wait to be accepted: the maximum of Linux since 5.4 (net.core.somaxconn). The standard library uses 128; in a
/// burst, more clients than that would connect a second later, at their next try.
const BACKLOG: i32 = 4096;

/// Binds a port. `[::]` accepts connections over IPv4, too, so that one setting fits every kind of cluster.
///
/// # Errors
/// One line: the address, the reason, and the flag that sets it.
pub(crate) fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener, String> {
    let bind = || {
        let (socket, address) = open(address)?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    bind().map_err(|error: io::Error| {
        format!("cannot listen on {address}: {error}; free that port or choose another with {flag}")
    })
}

/// Opens a socket. Without IPv6 in the kernel, `[::]` means all addresses of IPv4.
fn open(address: SocketAddr) -> io::Result<(Socket, SocketAddr)> {
    let is_any = address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    match Socket::new(Domain::for_address(address), Type::STREAM, None) {
        Ok(socket) => {
            if is_any {
                socket.set_only_v6(false)?;
            }
            Ok((socket, address))
        }
        Err(error) if is_any => {
            tracing::info!(%error, port = address.port(), "the kernel has no IPv6; listening on IPv4 only");
            let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
            Ok((Socket::new(Domain::IPV4, Type::STREAM, None)?, address))
        }
        Err(error) => Err(error),
    }
}
