//! Programs of others that serve our components.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Command, Stdio},
    sync::mpsc::channel,
    thread,
};

use crate::{Process, dist, program};

/// One that runs until it is dropped.
pub struct OtherHost {
    _process: Process,
    /// Where it serves.
    pub address: SocketAddr,
}

impl OtherHost {
    /// `wasmtime serve` with the WASI 0.3 component and these variables, where it is on PATH.
    #[must_use]
    pub fn wasmtime_serve(variables: &[(&str, &str)]) -> Option<Self> {
        let mut command = Command::new(program("wasmtime")?);
        command.args(["serve", "-S", "cli", "--addr", "127.0.0.1:0"]);
        for (name, value) in variables {
            command.arg("--env").arg(format!("{name}={value}"));
        }
        command.arg(dist("hello-wasi-0.3.wasm"));
        Some(Self::start(command))
    }

    /// `spin up` with the WASI 0.2 component and these variables of spin.toml, where it is on PATH.
    #[must_use]
    pub fn spin_up(variables: &[(&str, &str)]) -> Option<Self> {
        let mut command = Command::new(program("spin")?);
        command.args(["up", "--listen", "127.0.0.1:0", "--from"]).arg(dist("../spin.toml"));
        for (name, value) in variables {
            command.arg("--variable").arg(format!("{name}={value}"));
        }
        Some(Self::start(command))
    }

    /// Starts it and reads its address from what it prints.
    fn start(command: Command) -> Self {
        let mut process = Process::start(command, Stdio::piped(), Stdio::piped());
        let (found, address) = channel();
        for pipe in process.output() {
            let found = found.clone();
            thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    let address =
                        line.split("http://").nth(1).and_then(|rest| rest.split('/').next()?.trim().parse().ok());
                    address.map(|address| found.send(address));
                }
            });
        }
        drop(found);
        OtherHost { _process: process, address: address.recv().expect("the program says where it serves") }
    }
}
