//! Validation of the host that a request names, in `Host` (HTTP/1) or in the URI (`:authority` of HTTP/2, absolute form of HTTP/1).

use std::net::Ipv6Addr;

use http::{Request, Version, header::HOST};

/// Whether a request names exactly one host, and a valid one.
///
/// RFC 9112, 3.2: an HTTP/1.1 request without `Host`, with two, or with an invalid one, gets 400. HTTP/2 has its authority in the URI;
/// HTTP/1.0 may have none. Where both `Host` and the URI name a host, they must agree: a proxy could route by one of them, and the
/// handler by the other.
pub(super) fn has_valid_host<B>(request: &Request<B>) -> bool {
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next(), authority) {
        (Some(host), None, None) => is_host(host.as_bytes()),
        (Some(host), None, Some(authority)) => is_host(authority) && authority.eq_ignore_ascii_case(host.as_bytes()),
        (None, _, Some(authority)) => request.version() != Version::HTTP_11 && is_host(authority),
        (None, _, None) => request.version() < Version::HTTP_11,
        (Some(_), Some(_), _) => false,
    }
}

/// Whether this is a `uri-host [ ":" port ]` with a host that is not empty (RFC 9110, 7.2 and 4.2.1): no user, no port over 65535.
fn is_host(host: &[u8]) -> bool {
    let (name, port) = match host.iter().rposition(|&byte| matches!(byte, b':' | b']')) {
        Some(colon) if host[colon] == b':' => (&host[..colon], &host[colon + 1..]),
        _ => (host, &b""[..]),
    };
    is_port(port) && is_uri_host(name)
}

/// RFC 3986, 3.2.3: digits, or nothing.
fn is_port(port: &[u8]) -> bool {
    let digits = port.iter().all(u8::is_ascii_digit);
    digits && port.iter().fold(0_u32, |number, digit| (number * 10 + u32::from(digit - b'0')).min(1 << 16)) < 1 << 16
}

/// RFC 3986, 3.2.2: an address of IPv6 in brackets, or else a name; an address of IPv4 is a name, too. `IPvFuture`, which nobody has
/// defined a version of, is not accepted.
fn is_uri_host(host: &[u8]) -> bool {
    match host {
        [] => false,
        [b'[', address @ .., b']'] => str::from_utf8(address).is_ok_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        name => is_name(name),
    }
}

/// RFC 3986, `reg-name`: unreserved characters, sub-delimiters, and bytes as `%` and two hexadecimal digits.
fn is_name(mut name: &[u8]) -> bool {
    loop {
        name = match name {
            [] => return true,
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest,
            [byte, rest @ ..] if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(byte) => rest,
            _ => return false,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_rfc_3986_are_valid() {
        for host in [
            "a",
            "a.example",
            "a_b",
            "a:",
            "a:0",
            "a:080",
            "a:65535",
            "127.0.0.1:8080",
            "[::1]",
            "[::1]:8080",
            "[::1]:",
            "[::ffff:1.2.3.4]",
            "%41",
            "a,b",
            "A-b~c!",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn other_hosts_are_not_valid() {
        for host in [
            "",
            ":",
            ":80",
            "a:b",
            "a:99999",
            "a:65536",
            "a:4294967376",
            "a:-1",
            "a:80:80",
            "user@a",
            "user:pw@a",
            "[zz]",
            "[::1]:x",
            "[::1",
            "::1",
            "[]",
            "[::1]a",
            "[fe80::1%eth0]",
            "a b",
            "a/b",
            "a?b",
            "a#b",
            "%4",
            "%zz",
            "é",
            "a\\b",
        ] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }
}
