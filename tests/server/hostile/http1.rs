//! Invalid and hostile HTTP/1.1.

use crate::Case;

const CLOSE: &str = "Host: a\r\nConnection: close\r\n";

/// Another request on the same connection. A response to it shows that the server has found the end of the one before.
const NEXT: &str = "GET /status/299 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// Outcomes of an invalid body: an echo may have started its response before the body turns out to be invalid.
const INVALID_BODY: &[&str] = &["400", "no response"];

pub(crate) fn cases() -> Vec<Case> {
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\n{CLOSE}\r\n").into_bytes();
    let with = |headers: &str| format!("GET / HTTP/1.1\r\n{CLOSE}{headers}\r\n").into_bytes();
    let post =
        |headers: &str, body: &str| format!("POST /echo HTTP/1.1\r\nHost: a\r\n{headers}\r\n{body}{NEXT}").into_bytes();
    let mut cases = Vec::new();
    let mut add = |item: u8, name: &'static str, bytes: Vec<u8>, expected: &'static [&'static str]| {
        cases.push(Case { item, name, bytes, expected });
    };

    add(1, "no version", b"GET /\r\n\r\n".to_vec(), &["400"]);
    add(1, "an invalid version", format!("GET / HTTP/9.9\r\n{CLOSE}\r\n").into(), &["400", "505"]);
    add(1, "no method", format!(" / HTTP/1.1\r\n{CLOSE}\r\n").into(), &["400"]);
    add(1, "two spaces", format!("GET  / HTTP/1.1\r\n{CLOSE}\r\n").into(), &["400"]);
    add(1, "NUL in the method", format!("G\0T / HTTP/1.1\r\n{CLOSE}\r\n").into(), &["400"]);
    add(1, "NUL in the target", get("/\0"), &["400"]);
    add(1, "NUL in a header", with("X: a\0b\r\n"), &["400"]);
    add(1, "a bare CR in a header", with("X: a\rb\r\n"), &["400"]);
    add(1, "a bare CR after the request line", format!("GET / HTTP/1.1\r{CLOSE}\r\n").into(), &["400"]);
    add(1, "a space before the colon", with("X : y\r\n"), &["400"]);
    add(1, "a header without a colon", with("X\r\n"), &["400"]);
    add(1, "a header without a name", with(": y\r\n"), &["400"]);
    add(1, "a folded header", with("X: y\r\n z\r\n"), &["400"]);
    add(1, "a TLS ClientHello", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n".to_vec(), &["400"]);
    add(1, "binary noise", (0..=255).chain(*b"\r\n\r\n").collect(), &["400"]);

    add(2, "101 headers", with(&"X: y\r\n".repeat(101)), &["431"]);
    add(2, "a header of 64 KiB", with(&format!("X: {}\r\n", "y".repeat(64 << 10))), &["431"]);
    add(
        2,
        "endless headers",
        format!("GET / HTTP/1.1\r\n{}", "X: y\r\n".repeat(100_000)).into(),
        &["431", "no response"],
    );
    add(3, "a target of 70 KB", get(&format!("/{}", "x".repeat(70_000))), &["414", "431"]);

    // One response, and nothing of the bytes after the request: RFC 9112, 6.3.
    add(
        4,
        "Content-Length and Transfer-Encoding",
        post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        &["200", "400"],
    );
    add(
        4,
        "Transfer-Encoding and Content-Length",
        post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
        &["200", "400"],
    );
    add(5, "two lengths that differ", post("Content-Length: 5\r\nContent-Length: 6\r\n", "bytes"), &["400"]);
    add(5, "two lengths in one header", post("Content-Length: 5, 6\r\n", "bytes"), &["400"]);
    add(5, "a length with a sign", post("Content-Length: +5\r\n", "bytes"), &["400"]);
    add(5, "a negative length", post("Content-Length: -5\r\n", "bytes"), &["400"]);
    add(5, "a hexadecimal length", post("Content-Length: 0x5\r\n", "bytes"), &["400"]);
    add(5, "a length over 64 bits", post("Content-Length: 18446744073709551621\r\n", "bytes"), &["400"]);
    add(5, "an empty length", post("Content-Length: \r\n", ""), &["400"]);
    for (name, header) in [
        ("an encoding that ends in chunked", "Transfer-Encoding: xchunked"),
        ("chunked, then something else", "Transfer-Encoding: chunked, identity"),
        ("an encoding behind a tab", "Transfer-Encoding:\x0bchunked"),
        ("a space before its colon", "Transfer-Encoding : chunked"),
        ("an encoding in quotes", "Transfer-Encoding: \"chunked\""),
        ("only identity", "Transfer-Encoding: identity"),
    ] {
        add(6, name, post(&format!("{header}\r\n"), "0\r\n\r\n"), &["400", "501"]);
    }

    let chunked = |body: &str| post("Transfer-Encoding: chunked\r\n", body);
    for (name, size) in [
        ("a size that is not a number", "zz"),
        ("a size with a sign", "+5"),
        ("a size with a prefix", "0x5"),
        ("an empty size", ""),
        ("a size over 64 bits", "10000000000000005"),
        ("a size before a bare LF", "5\nbytes"),
    ] {
        add(7, name, chunked(&format!("{size}\r\nbytes\r\n0\r\n\r\n")), INVALID_BODY);
    }
    add(7, "a chunk longer than its size", chunked("5\r\nbytes, more\r\n0\r\n\r\n"), INVALID_BODY);
    let extension = format!("5;{}\r\nbytes\r\n0\r\n\r\n", "x".repeat(1 << 20));
    add(7, "an extension of 1 MiB", chunked(&extension), INVALID_BODY);
    add(7, "trailers of 1 MiB", chunked(&format!("0\r\n{}\r\n", "X: y\r\n".repeat(1 << 18))), INVALID_BODY);

    let too_long = "x".repeat((1 << 20) + 1);
    add(
        8,
        "a body over the limit by its length",
        post(&format!("Content-Length: {}\r\n", too_long.len()), &too_long),
        &["413 299"],
    );
    add(
        8,
        "a body over the limit that expects 100",
        post("Content-Length: 1000000000\r\nExpect: 100-continue\r\n", ""),
        &["413"],
    );

    add(9, "headers that never end", b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec(), &["408", "no response"]);
    add(
        10,
        "a body that never ends",
        b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nbytes".to_vec(),
        &["408", "no response", "504"],
    );
    add(11, "an empty connection", Vec::new(), &["no response"]);

    for (name, target) in [
        ("a percent sign alone", "/%"),
        ("digits that are not hexadecimal", "/%zz"),
        ("bytes that are not UTF-8", "/%ff%fe"),
        ("bytes that are not UTF-8 in a parameter", "/status/%ff"),
        ("NUL, encoded", "/%00"),
        ("a path to a parent folder", "/../../etc/passwd"),
        ("a path to a parent folder, encoded", "/%2e%2e/%2e%2e/etc/passwd"),
        ("a status out of range", "/status/99999999999999999999"),
    ] {
        add(13, name, get(target), &["400", "404"]);
    }
    let raw = [b"GET /\xff\xfe HTTP/1.1\r\n", CLOSE.as_bytes(), b"\r\n"].concat();
    add(13, "bytes that are not UTF-8, not encoded", raw, &["400", "404"]);

    let pipelined: Vec<_> =
        (0..999).map(|index| format!("GET /status/{} HTTP/1.1\r\nHost: a\r\n\r\n", 200 + index % 90)).collect();
    add(14, "1,000 pipelined requests", (pipelined.concat() + NEXT).into(), &["1000 in order"]);

    add(15, "absolute form", format!("GET http://a/ HTTP/1.1\r\n{CLOSE}\r\n").into(), &["200"]);
    add(15, "absolute form for another host", format!("GET http://b/ HTTP/1.1\r\n{CLOSE}\r\n").into(), &["400"]);
    add(15, "no host", b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_vec(), &["400"]);
    add(15, "two hosts", with("Host: b\r\n"), &["400"]);
    add(15, "an invalid host", b"GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n".to_vec(), &["400"]);
    for host in ["", ":80"] {
        let bytes = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        add(15, "a host without a name", bytes.into(), &["400"]);
    }
    for (name, host) in [
        ("a port that is not a number", "a:b"),
        ("a port over 65535", "a:99999"),
        ("a user before the host", "user:pw@a"),
        ("an invalid IPv6 address", "[zz]"),
        ("an IPv6 address with an invalid port", "[::1]:x"),
    ] {
        let bytes = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        add(15, name, bytes.into(), &["400"]);
    }
    add(15, "authority form", b"GET a:80 HTTP/1.1\r\nHost: a:80\r\nConnection: close\r\n\r\n".to_vec(), &["400"]);
    add(15, "asterisk form", get("*"), &["400", "404"]);

    add(
        16,
        "an upgrade to WebSocket",
        with(
            "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        ),
        &["200"],
    );
    add(
        16,
        "an upgrade to HTTP/2",
        with("Upgrade: h2c\r\nConnection: upgrade, http2-settings\r\nHTTP2-Settings: AAMAAABkAAQAoAAA\r\n"),
        &["200"],
    );
    add(16, "CONNECT", b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nConnection: close\r\n\r\n".to_vec(), &["501"]);
    add(16, "TRACE", format!("TRACE / HTTP/1.1\r\n{CLOSE}\r\n").into(), &["405"]);

    add(19, "line breaks, encoded, in the target", get("/%0d%0a%7b%22level%22:%22ERROR%22%7d"), &["404"]);
    add(19, "quotes and escapes in the target", get("/\"}\\u001b[31m"), &["404", "400"]);
    add(19, "a request id that ends the line", with("X-Request-Id: \"}{\"level\":\"ERROR\"}\r\n"), &["200"]);
    cases
}
