//! The request id: the client's `x-request-id` if it is valid, or else a new one.

use http::{HeaderMap, HeaderName, HeaderValue};

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Limit on the length of a client's id, which is in every log line of its request.
const MAX_LENGTH: usize = 128;

/// Returns the request's id, and makes sure that the headers pass the same id to the handler.
pub(super) fn request_id(headers: &mut HeaderMap) -> HeaderValue {
    if let Some(id) = headers.get(REQUEST_ID).filter(|id| is_valid(id)) {
        return id.clone();
    }
    let id = HeaderValue::from(fastrand::u64(..));
    headers.insert(REQUEST_ID, id.clone());
    id
}

fn is_valid(id: &HeaderValue) -> bool {
    (1..=MAX_LENGTH).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, thread};

    use super::*;

    #[test]
    fn valid_request_id_is_kept() {
        for id in ["a", "abc-123", "!~", &"a".repeat(MAX_LENGTH)] {
            let mut headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_str(id).unwrap())]);
            assert_eq!(request_id(&mut headers), id);
            assert_eq!(headers.get(REQUEST_ID).unwrap(), id);
        }
    }

    #[test]
    fn other_request_ids_are_replaced() {
        let too_long = [b'a'; MAX_LENGTH + 1];
        for id in [&b""[..], b" ", b"two words", b"a\tb", b"\xff", "é".as_bytes(), &too_long] {
            let mut headers = HeaderMap::new();
            headers.append(REQUEST_ID, HeaderValue::from_bytes(id).unwrap());
            headers.append(REQUEST_ID, HeaderValue::from_static("second"));
            let new = request_id(&mut headers);
            assert!(new.as_bytes().iter().all(u8::is_ascii_digit), "{new:?}");
            assert_eq!(headers.get_all(REQUEST_ID).iter().collect::<Vec<_>>(), [&new]);
        }
    }

    #[test]
    fn request_ids_differ_on_every_thread() {
        let thousand = || (0..1000).map(|_| request_id(&mut HeaderMap::new())).collect::<Vec<_>>();
        let threads = [thread::spawn(thousand), thread::spawn(thousand)];
        let ids: HashSet<_> = threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
        assert_eq!(ids.len(), 2000);
    }
}
