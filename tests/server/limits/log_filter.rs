//! The filter of the log, which the admin port changes at run time.

use std::io::Write;

use tests::{Protocol, Response, Server, connect, read_to_close, request, send};

tests::server_tests! {
    log_filter_changes_at_run_time(&["--access-log", "1", "--log", "debug,access=off"]);
    invalid_log_filter_is_rejected_with_400(&["--log", "debug,access=off"]);
}

fn put(server: &Server, filter: &str) -> Response {
    send(server.admin, Protocol::Http1, request("PUT", "/log", filter.to_owned()))
}

fn log_filter_changes_at_run_time(server: &Server) {
    let current = server.get_admin("/log");
    assert!(["debug", "access=off"].iter().all(|part| current.text().contains(part)), "{}", current.text());
    _ = server.get("/");
    server.wait_for_metric("http_requests_total{method=\"GET\",status=\"200\"}", 1.0);
    assert_eq!(put(server, "info").text(), "info\n");
    _ = server.get("/status/418");
    assert_eq!(server.wait_for_log(|line| line["target"] == "access")["path"], "/status/418");
    assert_eq!(server.log().iter().filter(|line| line["target"] == "access").count(), 1);
}

fn invalid_log_filter_is_rejected_with_400(server: &Server) {
    let before = server.get_admin("/log").body;
    let rejected = put(server, "inof");
    assert_eq!(rejected.status, 400);
    let detail = rejected.json()["detail"].take();
    assert!(detail.as_str().is_some_and(|detail| detail.contains("off, error, warn, info or debug")), "{detail}");
    assert_eq!(put(server, &"a=info,".repeat(1000)).status, 400);
    let mut silent = connect(server.admin);
    silent.write_all(b"PUT /log HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n").expect("the head is sent");
    let rejected = read_to_close(&mut silent);
    assert!(rejected.starts_with("HTTP/1.1 400"), "{rejected}");
    let not_allowed = send(server.admin, Protocol::Http1, request("POST", "/log", "info"));
    assert_eq!((not_allowed.status.as_u16(), not_allowed.header("allow")), (405, "GET, HEAD, PUT"));
    assert_eq!(server.get_admin("/log").body, before);
}
