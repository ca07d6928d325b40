//! hyper with a constant response, to measure the cost of HTTP itself.

use std::{convert::Infallible, env, net::SocketAddr};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: hello_server::Allocator = hello_server::Allocator;

const GREETING: &[u8] = br#"{"message":"Hello from Rust in Kubernetes!","runtime":"native","version":"0.1.0"}"#;

#[tokio::main]
async fn main() {
    let address: SocketAddr = env::args().nth(1).and_then(|text| text.parse().ok()).expect("an address to listen on");
    let listener = TcpListener::bind(address).await.expect("a free port");
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        _ = stream.set_nodelay(true);
        let service = service_fn(|_| async {
            let response = Response::builder()
                .header("content-type", "application/json")
                .header("vary", "accept")
                .header("x-request-id", "0123456789abcdef");
            Ok::<_, Infallible>(response.body(Full::new(Bytes::from_static(GREETING))).expect("a response"))
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
