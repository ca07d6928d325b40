//! A proxy in front of each server that delays connections, splits their data, and resets one connection in five.

use std::{
    net::SocketAddr,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tests::{Process, Protocol, Response, find_program, free_address, request, try_send, wait_until_reachable};

/// A running Toxiproxy. It is killed on drop.
pub(crate) struct Toxiproxy {
    address: SocketAddr,
    _process: Process,
}

impl Toxiproxy {
    pub(crate) fn start() -> Self {
        let address = free_address();
        let mut command =
            Command::new(find_program("toxiproxy").expect("toxiproxy is on PATH, as `make soak` does it"));
        command.args(["-host", &address.ip().to_string(), "-port", &address.port().to_string()]);
        let process = Process::start(&command, Stdio::null(), Stdio::null());
        wait_until_reachable(address);
        Toxiproxy { address, _process: process }
    }

    /// Creates a proxy in front of a server, and returns its address.
    pub(crate) fn proxy_for(&self, name: &str, server: SocketAddr) -> SocketAddr {
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
        created["listen"].as_str().and_then(|address| address.parse().ok()).expect("the proxy has an address")
    }

    fn post(&self, path: &str, body: &Value) -> Response {
        let response = try_send(self.address, Protocol::Http1, request("POST", path, body.to_string()));
        let response = response.unwrap_or_else(|error| panic!("toxiproxy: {path}: {error}"));
        assert!(response.status.is_success(), "toxiproxy: {path}: {}", response.text());
        response
    }
}
