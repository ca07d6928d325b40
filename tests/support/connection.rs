//! TCP connections of tests that write HTTP by hand. No read or write takes longer than [`IO_TIMEOUT`].

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use socket2::SockRef;

use crate::Server;

/// Time limit of each read and write.
const IO_TIMEOUT: Duration = Duration::from_secs(30);

/// Opens a connection.
///
/// # Panics
/// Panics if the connection is not made within [`IO_TIMEOUT`].
#[must_use]
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, IO_TIMEOUT)
        .unwrap_or_else(|error| panic!("no connection to {address}: {error}"));
    stream.set_read_timeout(Some(IO_TIMEOUT)).expect("the socket accepts a time-out");
    stream.set_write_timeout(Some(IO_TIMEOUT)).expect("the socket accepts a time-out");
    stream
}

/// Sends bytes over a new connection, and returns what the server sends until it closes the connection.
///
/// # Panics
/// Panics if the server neither sends nor closes within [`IO_TIMEOUT`].
#[must_use]
pub fn send_raw(server: &Server, bytes: &[u8]) -> String {
    let mut stream = connect(server.address);
    stream.write_all(bytes).expect("the server reads the request");
    read_to_close(&mut stream)
}

/// Returns what arrives until the connection is closed, gracefully or by a reset.
///
/// # Panics
/// Panics if nothing arrives within [`IO_TIMEOUT`].
#[must_use]
pub fn read_to_close(stream: &mut TcpStream) -> String {
    let mut received = Vec::new();
    let end = stream.read_to_end(&mut received);
    let received = String::from_utf8_lossy(&received).into_owned();
    let is_open = end.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    assert!(!is_open, "the connection is still open after {received:?}");
    received
}

/// Returns the head of the next response, with the empty line.
///
/// # Panics
/// Panics if the head does not arrive within [`IO_TIMEOUT`].
#[must_use]
pub fn read_head(stream: &mut TcpStream) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap_or_else(|error| panic!("{error} after {head:?}"));
        head.push(byte[0].into());
    }
    head
}

/// Closes a connection with a reset, as the kernel does for a client that crashed.
///
/// # Panics
/// Panics if the socket does not accept that.
pub fn reset_connection(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("the socket accepts linger");
    drop(stream);
}
