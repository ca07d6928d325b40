//! A WASI 0.2 component with every sin that the host must contain.

#![allow(unsafe_code, clippy::same_length_and_capacity)] // The entry point's macro expands to such code.

use spin_sdk::{
    http::{IncomingRequest, IntoResponse, Request, Response},
    http_component,
};
use wasi::clocks::monotonic_clock;

include!("../../sins.rs");

const HOUR: u64 = 3_600_000_000_000;

#[http_component]
async fn handle(request: IncomingRequest) -> impl IntoResponse {
    let path = request.path_with_query().unwrap_or_default();
    let body = match path.as_str() {
        "/never" => {
            monotonic_clock::subscribe_duration(HOUR).block();
            String::new()
        }
        _ => match path.strip_prefix("/fetch?") {
            Some(url) => match spin_sdk::http::send::<_, Response>(Request::get(url).build()).await {
                Ok(answer) => format!("fetched {}", answer.status()),
                Err(error) => format!("refused: {error:?}"),
            },
            None => sin(&path),
        },
    };
    Response::new(200, body)
}
