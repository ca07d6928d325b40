//! Guests that misbehave: each gets the response that the contract names, and the requests of other clients succeed.

mod disconnects;
mod instances;
mod isolation;
mod looping;
mod memory;
mod output;
mod responses;

use tests::{Server, host_command, start};

/// Starts a host with one of the misbehaving guests.
fn serve(guest: &str, flags: &[&str]) -> Server {
    let mut command = host_command(guest);
    command.env("HELLO_REQUEST_TIMEOUT", "500ms").env("HELLO_MAX_MEMORY_SIZE", "16MiB");
    start(command, flags)
}
