//! The WASI 0.3 component: maps a request of `wasi:http/handler` to the router and the answer back, streaming both.
//!
//! A host may give one instance many requests, so the router is built once an instance.

#![allow(unsafe_code)] // The entry point's macro expands to it.

use std::{env, sync::LazyLock};

use axum::{Router, body::Body, response::Response};
use hello::{Platform, router};
use send_wrapper::SendWrapper;
use spin_sdk::{http::Request, http_service, time::sleep};
use tower_service::Service;

static ROUTER: LazyLock<Router> = LazyLock::new(|| {
    router(Platform {
        runtime: "wasi-0.3",
        wasi_host: env::var("WASI_HOST").ok(),
        hostname: env::var("HOSTNAME").ok(),
        message: env::var("HELLO_MESSAGE").ok(),
        color: env::var("HELLO_COLOR").ok(),
        sleep: |duration| Box::pin(SendWrapper::new(sleep(duration))),
    })
});

#[http_service]
async fn handle(request: Request) -> Response {
    let Ok(response) = ROUTER.clone().call(request.map(Body::new)).await;
    response
}
