//! What axum's own `serve` makes of the same handler: a peer of `hello-native`, without limits, metrics, log or drain.

use std::{env, time::Duration};

use hello::{Platform, router};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() {
    let address = env::args().nth(1).expect("an address to listen on");
    let listener = TcpListener::bind(address).await.expect("a free port");
    let platform = Platform {
        runtime: "native",
        wasi_host: None,
        hostname: None,
        message: None,
        color: None,
        sleep: |duration: Duration| Box::pin(tokio::time::sleep(duration)),
    };
    axum::serve(listener, router(platform)).await.expect("it serves");
}
