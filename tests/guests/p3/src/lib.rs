//! A WASI 0.3 component with every sin that the host must contain.

#![allow(unsafe_code)] // The entry point's macro expands to it, and one sin takes it.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use spin_sdk::{
    http::{HeaderMap, HeaderName, HeaderValue, Request, Response},
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
        "/target" => {
            let uri = request.uri();
            let query = uri.query().unwrap_or_default();
            format!("{:?} {:?} {query}", uri.scheme_str(), uri.host())
        }
        "/later" => {
            let mut response = Response::new(working_on().boxed());
            if request.uri().query() == Some("length") {
                response.headers_mut().insert("content-length", HeaderValue::from_static("2"));
            }
            return response;
        }
        "/break" => return Response::new(breaking().boxed()),
        "/forever" => {
            let chunk = || Ok(Frame::data(Bytes::from(vec![b'x'; 1024])));
            return Response::new(StreamBody::new(stream::repeat_with(chunk)).boxed());
        }
        path => sin(path),
    };
    let mut response = Response::new(Full::from(body).boxed());
    if request.uri().path() == "/status" {
        *response.status_mut() = request.uri().query().and_then(|status| status.parse().ok()).expect("a status");
    }
    add_headers(request.uri().path(), response.headers_mut());
    response
}

/// Headers that no answer should have.
fn add_headers(path: &str, headers: &mut HeaderMap) {
    match path {
        // As many as the map takes.
        "/many-headers" => (0..20_000).for_each(|index| {
            let name = HeaderName::try_from(format!("x-{index}")).expect("a name");
            headers.append(name, HeaderValue::from_static("y"));
        }),
        "/forged-header" => {
            // SAFETY: it is not what the type promises, which is the point: the host sees it all the same.
            let value = unsafe { HeaderValue::from_maybe_shared_unchecked(Bytes::from_static(FORGED)) };
            _ = headers.append("x", value);
        }
        "/too-short" => _ = headers.append("content-length", HeaderValue::from_static("1000")),
        "/too-long" => _ = headers.append("content-length", HeaderValue::from_static("1")),
        _ => {}
    }
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

/// A body whose guest has something left to do when all of it is written.
fn working_on() -> StreamBody<impl Stream<Item = Result<Frame<Bytes>, Infallible>>> {
    StreamBody::new(stream::unfold(false, async |begun| {
        if begun {
            sleep(HOUR / 3600).await;
            println!("done later");
            return None;
        }
        Some((Ok(Frame::data(Bytes::from_static(b"ok"))), true))
    }))
}
