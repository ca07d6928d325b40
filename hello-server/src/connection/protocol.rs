//! Protocol of a connection: HTTP/1 or HTTP/2, detected by its first bytes.

/// First bytes of an HTTP/2 connection by prior knowledge (RFC 9113, 3.4).
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// First bytes of a connection: read to detect the protocol, and then passed on to HTTP.
#[derive(Default)]
pub(super) struct Preface {
    bytes: [u8; HTTP2_PREFACE.len()],
    length: usize,
    taken: usize,
}

impl Preface {
    /// Returns the protocol, once there are enough bytes to tell.
    pub(super) fn protocol(&self) -> Option<Protocol> {
        if self.bytes == *HTTP2_PREFACE {
            return Some(Protocol::Http2);
        }
        (!HTTP2_PREFACE.starts_with(&self.bytes[..self.length])).then_some(Protocol::Http1)
    }

    /// Returns the buffer for the bytes that are still to be read.
    pub(super) fn unread(&mut self) -> &mut [u8] {
        &mut self.bytes[self.length..]
    }

    /// Notes that these bytes were read into the buffer.
    pub(super) fn add(&mut self, length: usize) {
        self.length += length;
    }

    /// Whether HTTP has all bytes.
    pub(super) fn is_taken(&self) -> bool {
        self.taken == self.length
    }

    /// Takes at most `max` of the bytes that HTTP does not have yet.
    pub(super) fn take(&mut self, max: usize) -> &[u8] {
        let start = self.taken;
        self.taken += max.min(self.length - start);
        &self.bytes[start..self.taken]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protocol(bytes: &[u8]) -> Option<Protocol> {
        let mut preface = Preface::default();
        let length = bytes.len().min(HTTP2_PREFACE.len());
        preface.unread()[..length].copy_from_slice(&bytes[..length]);
        preface.add(length);
        preface.protocol()
    }

    #[test]
    fn protocol_is_detected_from_the_first_bytes() {
        assert!(protocol(HTTP2_PREFACE) == Some(Protocol::Http2));
        assert!(protocol(b"GET / HTTP/1.1\r\n\r\n") == Some(Protocol::Http1));
        assert!(protocol(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rx") == Some(Protocol::Http1));
        assert!(protocol(b"P").is_none());
        assert!(protocol(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r").is_none());
    }

    #[test]
    fn bytes_are_passed_on_once() {
        let mut preface = Preface::default();
        preface.unread()[..5].copy_from_slice(b"GET /");
        preface.add(5);
        assert_eq!(preface.take(3), b"GET");
        assert_eq!(preface.take(10), b" /");
        assert_eq!(preface.take(10), b"");
    }
}
