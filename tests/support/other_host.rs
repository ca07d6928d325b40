//! Third-party hosts that serve our components.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Command, Stdio},
    sync::mpsc::channel,
    thread,
};

use crate::{Process, TIMEOUT, dist_file, find_program};

/// A running host. It is killed on drop.
pub struct OtherHost {
    _process: Process,
    /// The address of the service.
    pub address: SocketAddr,
}

impl OtherHost {
    /// Starts `wasmtime serve` with the WASI 0.3 component and these variables, if wasmtime is on PATH.
    #[must_use]
    pub fn wasmtime_serve(variables: &[(&str, &str)]) -> Option<Self> {
        let mut command = Command::new(find_program("wasmtime")?);
        command.args(["serve", "-S", "cli", "--addr", "127.0.0.1:0"]);
        for (name, value) in variables {
            command.arg("--env").arg(format!("{name}={value}"));
        }
        command.arg(dist_file("hello-wasi-0.3.wasm"));
        Some(Self::start(&command))
    }

    /// Starts `spin up` with the WASI 0.2 component and these variables of spin.toml, if Spin is on PATH.
    #[must_use]
    pub fn spin_up(variables: &[(&str, &str)]) -> Option<Self> {
        let mut command = Command::new(find_program("spin")?);
        command.args(["up", "--listen", "127.0.0.1:0", "--from"]).arg(dist_file("../spin.toml"));
        for (name, value) in variables {
            command.arg("--variable").arg(format!("{name}={value}"));
        }
        Some(Self::start(&command))
    }

    /// Starts the host, and reads its address from its output.
    fn start(command: &Command) -> Self {
        let mut process = Process::start(command, Stdio::piped(), Stdio::piped());
        let (sender, addresses) = channel();
        for pipe in process.output() {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    let address =
                        line.split("http://").nth(1).and_then(|rest| rest.split('/').next()?.trim().parse().ok());
                    address.map(|address| sender.send(address));
                }
            });
        }
        drop(sender);
        let address = addresses.recv_timeout(TIMEOUT).expect("the host prints its address");
        OtherHost { _process: process, address }
    }
}
