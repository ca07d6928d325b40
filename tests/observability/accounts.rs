//! What a client saw of its requests, and what metrics, access log and spans say of them: the same, also of requests that end in an
//! unusual way.

use std::{
    collections::BTreeMap,
    io::Write,
    net::Shutdown,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use tests::{PATIENCE, Protocol, Server, raw, read_to_close, request, reset, send, tcp};

use crate::collector::Collector;

/// How many requests of a method ended with a status.
type Account = BTreeMap<(String, u16), usize>;

/// The client: it notes what it saw.
struct Client {
    server: Server,
    seen: Account,
}

impl Client {
    fn note(&mut self, method: &str, status: u16) {
        *self.seen.entry((method.to_owned(), status)).or_default() += 1;
    }

    fn send(&mut self, method: &str, path: &str) {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let status = send(self.server.address, protocol, request(method, path, "")).status.as_u16();
            self.note(method, status);
        }
    }

    fn note_response(&mut self, method: &str, response: &str) {
        let status = response.split(' ').nth(1).and_then(|status| status.parse().ok());
        self.note(method, status.unwrap_or_else(|| panic!("{method}: no response in {response:?}")));
    }

    /// Sends a head as it stands, and nothing after it.
    fn send_raw(&mut self, head: &str) {
        let response = raw(&self.server, format!("{head}\r\nConnection: close\r\n\r\n").as_bytes());
        self.note_response(head.split(' ').next().expect("a method"), &response);
    }

    fn close_half(&mut self) {
        let mut stream = tcp(self.server.address);
        stream.write_all(b"GET /any HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
        stream.shutdown(Shutdown::Write).expect("half-closed");
        let response = read_to_close(&mut stream);
        self.note_response("GET", &response);
    }

    /// Who leaves before the response is counted with 499, which no client sees.
    fn leave(&mut self, path: &str) {
        let mut stream = tcp(self.server.address);
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).expect("sent");
        self.server.wait_for_metric("http_requests_in_flight", 1.0);
        reset(stream);
        self.note("GET", 499);
        self.server.wait_for_metric("http_requests_in_flight", 0.0);
    }
}

fn of_metrics(server: &Server) -> Account {
    let mut account = Account::new();
    for line in server.admin("/metrics").text().lines() {
        let Some(labels) = line.strip_prefix("http_requests_total{method=\"") else { continue };
        let parts: Vec<_> = labels.split('"').collect();
        let [method, _, status, count] = parts[..] else { panic!("{line}") };
        let count = count.trim_start_matches("} ").parse().expect("a count");
        account.insert((method.to_owned(), status.parse().expect("a status")), count);
    }
    account
}

fn of_log(server: &Server) -> Account {
    let mut account = Account::new();
    for line in server.log().iter().filter(|line| line["target"] == "access") {
        let status = line["status"].as_u64().and_then(|status| status.try_into().ok()).expect("a status");
        *account.entry((line["method"].as_str().expect("a method").to_owned(), status)).or_default() += 1;
    }
    account
}

fn of_spans(collector: &Collector) -> Account {
    let mut account = Account::new();
    for span in collector.spans() {
        // A guest's own span, below that of the request, has neither.
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

fn assert_agrees(what: &str, account: impl Fn() -> Account, seen: &Account) {
    let deadline = Instant::now() + PATIENCE;
    while account() != *seen {
        assert!(Instant::now() < deadline, "{what}: {:?}\nbut the client saw {seen:?}", account());
        thread::sleep(Duration::from_millis(20));
    }
}

fn with_client(mut command: Command, flags: &[&str], exchange: impl FnOnce(&mut Client)) {
    let collector = Collector::start();
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint).env("OTEL_BSP_SCHEDULE_DELAY", "20");
    command.args(["--access-log", "1"]).args(flags);
    let mut client = Client { server: Server::start(command), seen: Account::new() };
    exchange(&mut client);
    let Client { server, seen } = client;
    assert_agrees("metrics", || of_metrics(&server), &seen);
    assert_agrees("access log", || of_log(&server), &seen);
    assert_agrees("spans", || of_spans(&collector), &seen);
}

/// Requests to hello.
pub(crate) fn of_requests(command: Command) {
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
            client.send_raw(head);
        }
        client.close_half();
        client.leave("/delay/10");
    });
}

/// Requests to a guest that does what it should not.
pub(crate) fn of_guests(command: Command) {
    with_client(command, &["--request-timeout", "500ms"], |client| {
        for path in ["/status?101", "/status?103", "/trap", "/later?length", "/never"] {
            client.send("GET", path);
        }
        client.send("HEAD", "/later?length");
    });
}

/// As a guest of WASI 0.2 alone can.
pub(crate) fn of_exits(command: Command) {
    with_client(command, &[], |client| client.send("GET", "/exit?whole"));
}
