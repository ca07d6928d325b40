//! Rules of HTTP that hyper leaves to its user: for requests before the handler gets them, and for responses before clients do.

use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, Version,
    header::{CONTENT_LENGTH, COOKIE, EXPECT, TRANSFER_ENCODING},
};
use hyper::body::{Body, Incoming};

use super::response_body::Source;

/// Whether the client waits for 100 before it sends its body (RFC 9110, 10.1.1). Over HTTP/2 hyper sends no 100.
pub(super) fn expects_continue(request: &Request<Incoming>) -> bool {
    request.version() == Version::HTTP_11
        && request
            .headers()
            .get(EXPECT)
            .is_some_and(|expected| expected.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Joins cookies into one field, as handlers expect. HTTP/2 may split them (RFC 9113, 8.2.3).
pub(super) fn join_cookies(headers: &mut HeaderMap) {
    let mut cookies = headers.get_all(COOKIE).iter();
    if let (Some(_), Some(_)) = (cookies.next(), cookies.next()) {
        let cookies: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
        let joined = HeaderValue::from_bytes(&cookies.join(&b"; "[..])).expect("parts of valid values");
        headers.insert(COOKIE, joined);
    }
}

/// Whether a response may have content, by the method of its request and its status (RFC 9110, 9.3.2, 15.3.5 and 15.4.5).
#[must_use]
pub fn may_have_content(is_head: bool, status: StatusCode) -> bool {
    !is_head && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// Drops the content of a response that must not have any, and corrects its length.
///
/// RFC 9110, 8.6: a response to HEAD, and 304, have the length of the content that GET would get, or none; 204 has none.
pub(super) fn strip_content<B: Body, H>(
    response: Response<B>,
    source: fn(B) -> Source<H>,
    is_head: bool,
) -> Response<Source<H>> {
    let status = response.status();
    if may_have_content(is_head, status) {
        return response.map(source);
    }
    let (mut head, body) = response.into_parts();
    let headers = &mut head.headers;
    if status == StatusCode::NO_CONTENT {
        headers.remove(CONTENT_LENGTH);
        headers.remove(TRANSFER_ENCODING);
    } else if status == StatusCode::NOT_MODIFIED {
        // Some frameworks set 0 by themselves, which is not the length that GET would get.
        if headers.get(CONTENT_LENGTH).is_some_and(|length| length == "0") {
            headers.remove(CONTENT_LENGTH);
        }
    } else if !headers.contains_key(TRANSFER_ENCODING)
        && let Some(length) = body.size_hint().exact()
    {
        headers.entry(CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    Response::from_parts(head, Source::None)
}
