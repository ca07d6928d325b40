//! A WASI 0.3 component with every sin that the host must contain.

#![allow(unsafe_code)] // The entry point's macro expands to it.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use spin_sdk::{
    http::{Request, Response},
    http_service,
    time::sleep,
};

include!("../../sins.rs");

const HOUR: Duration = Duration::from_hours(1);

#[http_service]
async fn handle(request: Request) -> Response<BoxBody<Bytes, Infallible>> {
    let body = match request.uri().path() {
        "/never" => {
            sleep(HOUR).await;
            String::new()
        }
        "/fetch" => match spin_sdk::http::get(request.uri().query().unwrap_or_default()).await {
            Ok(answer) => format!("fetched {}", answer.status().as_u16()),
            Err(error) => format!("refused: {error:?}"),
        },
        "/break" => return Response::new(breaking().boxed()),
        path => sin(path),
    };
    Response::new(Full::from(body).boxed())
}

/// A body that traps after its first half.
fn breaking() -> StreamBody<impl Stream<Item = Result<Frame<Bytes>, Infallible>>> {
    StreamBody::new(stream::unfold(false, async |begun| {
        if begun {
            // While it waits, the first half goes out.
            sleep(Duration::from_nanos(1)).await;
            panic!("as requested, in the middle of the body");
        }
        Some((Ok(Frame::data(Bytes::from_static(b"half"))), true))
    }))
}
