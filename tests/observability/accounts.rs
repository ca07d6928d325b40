//! Requests as the client, the metrics, the access log and the spans count them. All four must agree, even on requests that end in an
//! unusual way.

use std::{
    collections::BTreeMap,
    io::Write,
    net::Shutdown,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use tests::{Protocol, Server, TIMEOUT, connect, read_to_close, request, reset_connection, send, send_raw};

use crate::collector::Collector;

/// Number of requests by method and status.
type Account = BTreeMap<(String, u16), usize>;

/// A client that counts its requests.
struct Client {
    server: Server,
    account: Account,
}

impl Client {
    fn count(&mut self, method: &str, status: u16) {
        *self.account.entry((method.to_owned(), status)).or_default() += 1;
    }

    fn send(&mut self, method: &str, path: &str) {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let status = send(self.server.address, protocol, request(method, path, "")).status.as_u16();
            self.count(method, status);
        }
    }

    fn count_response(&mut self, method: &str, response: &str) {
        let status = response.split(' ').nth(1).and_then(|status| status.parse().ok());
        self.count(method, status.unwrap_or_else(|| panic!("{method}: no response in {response:?}")));
    }

    /// Sends a head without a body.
    fn send_head(&mut self, head: &str) {
        let response = send_raw(&self.server, format!("{head}\r\nConnection: close\r\n\r\n").as_bytes());
        self.count_response(head.split(' ').next().expect("there is a method"), &response);
    }

    fn send_half_closed(&mut self) {
        let mut stream = connect(self.server.address);
        stream.write_all(b"GET /any HTTP/1.1\r\nHost: a\r\n\r\n").expect("the request is sent");
        stream.shutdown(Shutdown::Write).expect("the connection is half-closed");
        let response = read_to_close(&mut stream);
        self.count_response("GET", &response);
    }

    /// Disconnects before the response. Such a request is counted with 499, which no client sees.
    fn disconnect(&mut self, path: &str) {
        let mut stream = connect(self.server.address);
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).expect("the request is sent");
        self.server.wait_for_metric("http_requests_in_flight", 1.0);
        reset_connection(stream);
        self.count("GET", 499);
        self.server.wait_for_metric("http_requests_in_flight", 0.0);
    }
}

fn of_metrics(server: &Server) -> Account {
    let mut account = Account::new();
    for line in server.get_admin("/metrics").text().lines() {
        let Some(labels) = line.strip_prefix("http_requests_total{method=\"") else { continue };
        let parts: Vec<_> = labels.split('"').collect();
        let [method, _, status, count] = parts[..] else { panic!("{line}") };
        let count = count.trim_start_matches("} ").parse().expect("the count is a number");
        account.insert((method.to_owned(), status.parse().expect("the status is a number")), count);
    }
    account
}

fn of_log(server: &Server) -> Account {
    let mut account = Account::new();
    for line in server.log().iter().filter(|line| line["target"] == "access") {
        let status = line["status"].as_u64().and_then(|status| status.try_into().ok()).expect("the status is a number");
        *account.entry((line["method"].as_str().expect("there is a method").to_owned(), status)).or_default() += 1;
    }
    account
}

fn of_spans(collector: &Collector) -> Account {
    let mut account = Account::new();
    for span in collector.spans() {
        // The span of a guest, which is a child of the request's span, has neither.
        let status = match span.attribute("error.type") {
            "client_disconnected" => 499,
            _ => match span.attribute("http.response.status_code").parse() {
                Ok(status) => status,
                Err(_) => continue,
            },
        };
        *account.entry((span.attribute("http.request.method").to_owned(), status)).or_default() += 1;
    }
    account
}

fn assert_agrees(source: &str, account: impl Fn() -> Account, expected: &Account) {
    let deadline = Instant::now() + TIMEOUT;
    while account() != *expected {
        assert!(Instant::now() < deadline, "{source}: {:?}\nbut the client has {expected:?}", account());
        thread::sleep(Duration::from_millis(20));
    }
}

fn with_client(mut command: Command, flags: &[&str], exchange: impl FnOnce(&mut Client)) {
    let collector = Collector::start();
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint).env("OTEL_BSP_SCHEDULE_DELAY", "20");
    command.args(["--access-log", "1"]).args(flags);
    let mut client = Client { server: Server::start(command), account: Account::new() };
    exchange(&mut client);
    let Client { server, account: expected } = client;
    assert_agrees("metrics", || of_metrics(&server), &expected);
    assert_agrees("access log", || of_log(&server), &expected);
    assert_agrees("spans", || of_spans(&collector), &expected);
}

/// Requests to hello.
pub(crate) fn requests_are_accounted_for(_runtime: &str, command: Command) {
    with_client(command, &["--body-limit", "1KiB"], |client| {
        for (method, path) in [
            ("GET", "/"),
            ("HEAD", "/"),
            ("GET", "/status/204"),
            ("HEAD", "/status/304"),
            ("PUT", "/"),
            ("GET", "/nope"),
        ] {
            client.send(method, path);
        }
        for head in [
            "GET /info HTTP/1.1\r\nHost: a:b",
            "GET /info HTTP/1.1",
            "GET /info HTTP/1.0",
            "OPTIONS * HTTP/1.1\r\nHost: a",
            "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2000",
            "POST /nope HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4",
        ] {
            client.send_head(head);
        }
        client.send_half_closed();
        client.disconnect("/delay/10");
    });
}

pub(crate) fn misbehaving_guests_are_accounted_for(_runtime: &str, command: Command) {
    with_client(command, &["--request-timeout", "500ms"], |client| {
        for path in ["/status?101", "/status?103", "/trap", "/later?length", "/never"] {
            client.send("GET", path);
        }
        client.send("HEAD", "/later?length");
    });
}

pub(crate) fn exiting_guest_is_accounted_for(_runtime: &str, command: Command) {
    with_client(command, &[], |client| client.send("GET", "/exit?whole"));
}
