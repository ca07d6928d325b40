//! The standard output of a guest, as lines of the log.

use serde_json::Value;
use tests::log_messages::{GUEST_OUTPUT, GUEST_OUTPUT_DROPPED};

use crate::serve;

tests::guest_tests! {
    guest_output_is_logged_by_line_and_limited;
}

fn guest_output_is_logged_by_line_and_limited(guest: &str) {
    let server = serve(guest, &["--request-timeout", "30s"]);
    assert_eq!(server.get("/print").text(), "printed");
    let is_report = |line: &Value| line["message"] == GUEST_OUTPUT_DROPPED;
    server.wait_for_log(|line| line["target"] == "guest" && is_report(line));
    let lines: Vec<_> = server.log().into_iter().filter(|line| line["target"] == "guest").collect();
    let is_first = |text: &str| text.starts_with("first line\u{1b}[31m");
    assert!(lines.iter().any(|line| line["output"].as_str().is_some_and(is_first)), "{:#?}", lines.first());
    assert!((100..2000).contains(&lines.len()), "{} lines", lines.len());
    assert_eq!(lines.iter().filter(|line| is_report(line)).count(), 1, "the limit is reported once");
    assert!(server.log().iter().all(|line| !line.is_string()), "a line of the log is forged");
}

/// The guest of WASI 0.2 writes two megabytes in one call.
#[test]
fn guest_output_of_one_call_is_limited() {
    let server = serve("guest_p2.wasm", &[]);
    assert_eq!(server.get("/flood").text(), "ok");
    server.wait_for_message(GUEST_OUTPUT_DROPPED);
    let lines = server.log().iter().filter(|line| line["message"] == GUEST_OUTPUT).count();
    assert!((100..3000).contains(&lines), "{lines} lines");
}
