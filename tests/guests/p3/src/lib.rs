//! A WASI 0.3 component with every sin that the host must contain.

#![allow(unsafe_code)] // The entry point's macro expands to it.

use std::time::Duration;

use spin_sdk::{http::Request, http_service, time::sleep};

include!("../../sins.rs");

const HOUR: Duration = Duration::from_hours(1);

#[http_service]
async fn handle(request: Request) -> String {
    match request.uri().path() {
        "/never" => {
            sleep(HOUR).await;
            String::new()
        }
        "/fetch" => match spin_sdk::http::get(request.uri().query().unwrap_or_default()).await {
            Ok(answer) => format!("fetched {}", answer.status().as_u16()),
            Err(error) => format!("refused: {error:?}"),
        },
        path => sin(path),
    }
}
