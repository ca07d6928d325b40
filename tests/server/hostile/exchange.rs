//! Raw bytes to a server, and its bytes until the connection is closed.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    thread,
    time::Duration,
};

/// Sends bytes and reads at the same time, so that neither end waits for the other. Returns what the server sent, or nothing if it did
/// not close the connection in time.
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8], timeout: Duration) -> Option<Vec<u8>> {
    let mut reader = TcpStream::connect(address).expect("the server accepts connections");
    reader.set_read_timeout(Some(timeout)).expect("the socket accepts a time-out");
    reader.set_write_timeout(Some(timeout)).expect("the socket accepts a time-out");
    let mut writer = reader.try_clone().expect("the socket is cloned");
    thread::scope(|scope| {
        // The server may close the connection before all is sent.
        let sender = scope.spawn(move || writer.write_all(bytes));
        let mut received = Vec::new();
        let read = reader.read_to_end(&mut received);
        _ = reader.shutdown(Shutdown::Both);
        _ = sender.join().expect("the sender does not panic");
        let is_open = read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        (!is_open).then_some(received)
    })
}
