//! Hostile HTTP/2 by prior knowledge: mostly floods.

use std::iter;

use crate::Case;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Number of frames in a flood.
const FLOOD: u32 = 50_000;

/// Frame types and flags: RFC 9113, 6.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `GET /`, by the static table of HPACK, with the authority `a`.
const GET: &[u8] = b"\x82\x86\x84\x41\x01a";
/// `POST /echo`
const POST: &[u8] = b"\x83\x86\x44\x05/echo\x41\x01a";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn connection(frames: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    [PREFACE.to_vec(), frame(SETTINGS, 0, 0, b"")].into_iter().chain(frames).flatten().collect()
}

fn flood(frame: Vec<u8>) -> impl Iterator<Item = Vec<u8>> {
    iter::repeat_n(frame, FLOOD as usize)
}

/// Returns the ids of client streams, which are odd.
fn streams() -> impl Iterator<Item = u32> {
    (0..FLOOD).map(|index| 2 * index + 1)
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: &'static str, frames: Vec<u8>, expected: &'static [&'static str]| {
        cases.push(Case { item: 17, name, bytes: frames, expected });
    };
    let get = |stream| frame(HEADERS, END_HEADERS | END_STREAM, stream, GET);
    let open = || frame(HEADERS, END_HEADERS, 1, POST);

    add(
        "rapid reset",
        connection(streams().flat_map(|stream| [get(stream), frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())])),
        &["GOAWAY"],
    );
    add(
        "endless headers",
        connection(iter::once(frame(HEADERS, END_STREAM, 1, GET)).chain(flood(frame(
            CONTINUATION,
            0,
            1,
            &b"\0\x01x\x01y".repeat(20),
        )))),
        &["GOAWAY"],
    );
    add(
        "empty continuations",
        connection(iter::once(frame(HEADERS, END_STREAM, 1, GET)).chain(flood(frame(CONTINUATION, 0, 1, b"")))),
        &["GOAWAY"],
    );
    add(
        "empty data",
        connection(iter::once(open()).chain(flood(frame(DATA, 0, 1, b"")))),
        &["GOAWAY", "HEADERS GOAWAY"],
    );
    add("settings", connection(flood(frame(SETTINGS, 0, 0, b""))), &["GOAWAY"]);
    add("pings", connection(flood(frame(PING, 0, 0, b"12345678"))), &["GOAWAY"]);
    add("priorities", connection(streams().map(|stream| frame(PRIORITY, 0, stream, b"\0\0\0\0\x10"))), &["GOAWAY"]);
    add(
        "windows that overflow",
        connection([open(), frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes())]),
        &["GOAWAY"],
    );
    add("a window update of 0", connection([open(), frame(WINDOW_UPDATE, 0, 0, &[0; 4])]), &["GOAWAY"]);
    add(
        "resets of idle streams",
        connection(streams().map(|stream| frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()))),
        &["GOAWAY"],
    );
    add("an even stream", connection([get(2)]), &["GOAWAY"]);
    add("a stream id that decreases", connection([get(5), get(3)]), &["GOAWAY", "HEADERS GOAWAY"]);
    add("data on stream 0", connection([frame(DATA, 0, 0, b"x")]), &["GOAWAY"]);
    add(
        "an invalid HPACK index",
        connection([frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xff\xff\xff\xff\x07")]),
        &["GOAWAY"],
    );
    add("a frame over the maximum size", connection([frame(DATA, 0, 1, &vec![0; 1 << 20])]), &["GOAWAY"]);
    add(
        "a host that differs from the authority",
        connection([frame(HEADERS, END_HEADERS | END_STREAM, 1, &[GET, b"\x0f\x17\x01b"].concat())]),
        &["400 GOAWAY"],
    );
    add("only half a preface", PREFACE[..16].to_vec(), &["no response", "408"]);
    cases
}
