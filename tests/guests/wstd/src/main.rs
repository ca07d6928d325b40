//! A WASI 0.2 component by wstd, an SDK that hello is not made with.

#![allow(unsafe_code)] // The entry point's macro expands to it.

use wstd::{
    http::{Body, Error, Request, Response},
    time::{Duration, Timer},
};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    if request.uri().path() == "/slow" {
        Timer::after(Duration::from_millis(200)).wait().await;
    }
    Ok(Response::new(format!("{} by wstd\n", request.uri().path()).into()))
}
