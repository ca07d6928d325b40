//! Bytes out, and what comes back until the connection ends.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    thread,
    time::Duration,
};

/// Sends these bytes, reading all the while, so that neither end waits for the other. A server that does not end the connection
/// gives nothing.
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8], patience: Duration) -> Option<Vec<u8>> {
    let mut answers = TcpStream::connect(address).expect("a connection");
    answers.set_read_timeout(Some(patience)).expect("a socket");
    answers.set_write_timeout(Some(patience)).expect("a socket");
    let mut requests = answers.try_clone().expect("a socket");
    thread::scope(|scope| {
        // That it cannot all be sent is an answer, too.
        let sender = scope.spawn(move || requests.write_all(bytes));
        let mut answered = Vec::new();
        let read = answers.read_to_end(&mut answered);
        _ = answers.shutdown(Shutdown::Both);
        _ = sender.join().expect("no panic");
        let hangs = read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        (!hangs).then_some(answered)
    })
}
