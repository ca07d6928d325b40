//! A proxy before every server that makes connections late, cuts what they carry into pieces, and resets one in five.

use std::{
    net::SocketAddr,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tests::{Answer, Process, Protocol, free_address, program, request, try_send, wait_until_it_answers};

pub(crate) struct Toxiproxy {
    address: SocketAddr,
    _process: Process,
}

impl Toxiproxy {
    pub(crate) fn start() -> Self {
        let address = free_address();
        let mut command = Command::new(program("toxiproxy").expect("toxiproxy on PATH, which `make soak` puts there"));
        command.args(["-host", &address.ip().to_string(), "-port", &address.port().to_string()]);
        let process = Process::start(command, Stdio::null(), Stdio::null());
        wait_until_it_answers(address);
        Toxiproxy { address, _process: process }
    }

    /// Where a server answers as over a bad network.
    pub(crate) fn before(&self, name: &str, server: SocketAddr) -> SocketAddr {
        let proxy = json!({ "name": name, "listen": "127.0.0.1:0", "upstream": server.to_string() });
        let created = self.post("/proxies", &proxy).json();
        for stream in ["upstream", "downstream"] {
            for (toxic, toxicity, attributes) in [
                ("latency", 1.0, json!({ "latency": 20, "jitter": 20 })),
                ("slicer", 0.5, json!({ "average_size": 400, "size_variation": 200, "delay": 500 })),
                ("reset_peer", 0.1, json!({ "timeout": 10 })),
            ] {
                let toxic = json!({ "type": toxic, "stream": stream, "toxicity": toxicity, "attributes": attributes });
                self.post(&format!("/proxies/{name}/toxics"), &toxic);
            }
        }
        created["listen"].as_str().and_then(|address| address.parse().ok()).expect("an address")
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        let answer = try_send(self.address, Protocol::Http1, request("POST", path, body.to_string()));
        let answer = answer.unwrap_or_else(|error| panic!("toxiproxy: {path}: {error}"));
        assert!(answer.status.is_success(), "toxiproxy: {path}: {}", answer.text());
        answer
    }
}
