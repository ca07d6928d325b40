//! A handler that computes, natively and as a WASI 0.3 component: some 100 microseconds of reading, changing and writing JSON.

#![cfg_attr(target_family = "wasm", allow(unsafe_code, clippy::same_length_and_capacity))] // The macro of the entry point expands to such code.

use serde_json::Value;

const DOCUMENT: &str = include_str!("../../../hello/src/openapi.json");

/// Handles one request, and returns the body of its response.
#[must_use]
pub fn work() -> Vec<u8> {
    without("/", &without("/info", DOCUMENT.as_bytes()))
}

fn without(path: &str, document: &[u8]) -> Vec<u8> {
    let mut document: Value = serde_json::from_slice(document).expect("the document is JSON");
    if let Some(paths) = document["paths"].as_object_mut() {
        paths.remove(path);
    }
    serde_json::to_vec(&document).expect("a value can be written as JSON")
}

#[cfg(target_family = "wasm")]
mod component {
    use hello_wasm_allocator::FreeLists;
    use wasip3::{
        exports::http::handler::Guest,
        http::types::{ErrorCode, Fields, Request, Response},
        wit_bindgen, wit_future, wit_stream,
    };

    #[global_allocator]
    static ALLOCATOR: FreeLists = FreeLists::new();

    struct Work;
    wasip3::http::service::export!(Work);

    impl Guest for Work {
        async fn handle(_: Request) -> Result<Response, ErrorCode> {
            let (mut body, contents) = wit_stream::new();
            let (trailers, no_trailers) = wit_future::new(|| Ok(None));
            let (response, _sent) = Response::new(Fields::new(), Some(contents), no_trailers);
            let response_body = super::work();
            wit_bindgen::spawn(async move {
                body.write_all(response_body).await;
                drop(body);
                _ = trailers.write(Ok(None)).await;
            });
            Ok(response)
        }
    }
}
