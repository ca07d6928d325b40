//! A whole response, and what of it must be the same from every runtime.

use bytes::Bytes;
use hyper::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use serde_json::Value;

/// A response with its whole body.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Fields of a JSON body that may differ between runtimes.
const FIELDS_OF_THE_RUNTIME: [&str; 4] = ["runtime", "target", "wasi_host", "hostname"];

/// Header fields of the connection or of the moment. HTTP/2 and other hosts frame bodies differently.
const HEADERS_OF_THE_TRANSPORT: [&str; 4] = ["date", "connection", "transfer-encoding", "keep-alive"];

impl Response {
    /// Returns the body as text.
    ///
    /// # Panics
    /// Panics if the body is not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    /// Returns the body as JSON.
    ///
    /// # Panics
    /// Panics if the body is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    /// Returns a header field as text, which is empty if there is no such field.
    ///
    /// # Panics
    /// Panics if the value is not text.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("the value is text"))
    }

    /// Returns what must be the same from every runtime: status, header fields, and the body unless it is the page.
    #[must_use]
    pub fn comparable(&self) -> (StatusCode, HeaderMap, Value) {
        let mut headers = self.headers.clone();
        for name in HEADERS_OF_THE_TRANSPORT {
            headers.remove(name);
        }
        let content_type = self.headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
        let is_page = content_type.starts_with(b"text/html");
        let mut body = match serde_json::from_slice(&self.body) {
            _ if is_page => Value::Null,
            Ok(body) if content_type.ends_with(b"json") => body,
            _ => Value::String(self.body.escape_ascii().to_string()),
        };
        if let Some(fields) = body.as_object_mut() {
            for field in FIELDS_OF_THE_RUNTIME {
                fields.remove(field);
            }
        }
        // Names of runtimes and hosts differ in length.
        if body.get("version").is_some() || is_page || self.body.is_empty() {
            headers.remove("content-length");
        }
        (self.status, headers, body)
    }
}
