//! Accepts connections up to the limit, until the server shuts down.

use std::{io, net::TcpListener, time::Duration};

use tokio::time::sleep;

use super::{connection_server::ConnectionServer, limit::ConnectionLimit};
use crate::request::Handler;

/// Pause after an error such as "too many open files", which would only be repeated.
pub(crate) const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

pub(crate) async fn accept_loop<H: Handler>(
    listener: TcpListener,
    connections: ConnectionServer<H>,
    limit: ConnectionLimit,
) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a bound, non-blocking listener");
    loop {
        let next = async {
            let permit = limit.permit().await;
            (permit, accept(&listener).await)
        };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            () = connections.is_shut_down() => return,
        };
        match accepted {
            Ok(stream) => connections.spawn(stream, permit),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
}

/// Accepts a connection without registering it with this runtime; its worker may have another.
async fn accept(listener: &tokio::net::TcpListener) -> io::Result<std::net::TcpStream> {
    listener.accept().await?.0.into_std()
}
