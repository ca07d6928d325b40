//! Values of labels and attributes, whose number is bounded whatever clients send.

use http::{Method, StatusCode};

/// Classes of statuses that end a request.
pub(super) const STATUS_CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// Returns the index of a status in [`STATUS_CLASSES`].
pub(super) fn status_class(status: StatusCode) -> usize {
    usize::from(status.as_u16() / 100).clamp(2, 5) - 2
}

/// Returns a method of HTTP's registry by name. Clients can invent any number of others.
pub(super) fn known_method(method: &Method) -> Option<&'static str> {
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    known.into_iter().find(|name| method == name)
}
