//! The handler in axum's own server: `hello-native` without limits, metrics, log and drain.

use std::{env, time::Duration};

use hello::{Platform, Sleep, router};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: hello_server::Allocator = hello_server::Allocator;

#[tokio::main]
async fn main() {
    let address = env::args().nth(1).expect("an address to listen on");
    let listener = TcpListener::bind(address).await.expect("a free port");
    axum::serve(listener, router(Bare)).await.expect("it serves");
}

struct Bare;

impl Platform for Bare {
    fn runtime(&self) -> &'static str {
        "native"
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}
