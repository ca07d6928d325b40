//! Checks that several cases share.

use tests::Response;

pub(crate) fn is_json(response: &Response) {
    assert_eq!(response.header("content-type"), "application/json");
    assert!(response.json().is_object());
}

/// A problem document (RFC 9457).
pub(crate) fn is_problem(response: &Response) {
    assert_eq!(response.header("content-type"), "application/problem+json");
    let problem = response.json();
    assert_eq!(problem["status"], response.status.as_u16());
    assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()));
    assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
}

pub(crate) fn is_head(response: &Response) {
    assert!(response.body.is_empty());
    assert_eq!(response.header("content-type"), "application/json");
}
