//! The contract as a table of requests and responses, for each runtime and protocol. A response must be the one of the table,
//! and the same as from the native program, except for the fields that name the runtime.

mod cases;
mod checks;
mod requests;

use std::{net::SocketAddr, process::ExitCode};

use cases::{Case, cases};
use hyper::header::HeaderValue;
use libtest_mimic::{Failed, Trial};
use tests::{Missing, OtherHost, Protocol, RUNTIMES, run_trials, send, start, trial, trials_or_one};

const BODY_LIMIT: usize = 1 << 20;
const MESSAGE: &str = "Grüße <b>&\"'";

/// Number of characters of a difference that are shown, as bodies can be large.
const MAX_DIFFERENCE: usize = 2_000;

/// A running server or third-party host.
#[derive(Clone, Copy)]
struct Runtime {
    address: SocketAddr,
    protocol: Protocol,
    is_ours: bool,
}

/// Third-party hosts: name, program, and function that starts it with the settings of the cases.
type Host = (&'static str, &'static str, fn() -> Option<OtherHost>);

const OTHER_HOSTS: [Host; 2] = [
    ("wasmtime serve", "wasmtime", || {
        OtherHost::wasmtime_serve(&[("HELLO_MESSAGE", MESSAGE), ("HELLO_COLOR", "teal")])
    }),
    ("spin up", "spin", || OtherHost::spin_up(&[("message", MESSAGE), ("color", "teal")])),
];

fn check(case: &Case, runtime: Runtime, native: SocketAddr) -> Result<(), Failed> {
    let send = |address, protocol| {
        let mut request = (case.request)();
        request.headers_mut().insert("x-request-id", HeaderValue::from_static("conformance"));
        send(address, protocol, request)
    };
    let response = send(runtime.address, runtime.protocol);
    assert_eq!(response.status, case.status, "{:?}", response.body);
    (case.check)(&response);

    let (mut actual, mut expected) = (response.comparable(), send(native, Protocol::Http1).comparable());
    for (_, headers, body) in [&mut actual, &mut expected] {
        if !runtime.is_ours {
            // Only hello-server adds the request id, other hosts choose the framing, and wasmtime 48 does not pass the Host of HTTP/1
            // to the component.
            headers.remove("x-request-id");
            headers.remove("content-length");
            body.as_object_mut().map(|fields| fields.remove("host"));
        }
    }
    if actual != expected {
        let difference = format!("differs from native:\n  {actual:?}\n  {expected:?}");
        return Err(difference.chars().take(MAX_DIFFERENCE).collect::<String>().into());
    }
    Ok(())
}

/// Returns a trial per case.
fn trials(name: &str, runtime: Runtime, native: SocketAddr) -> Vec<Trial> {
    let cases = cases().into_iter().filter(|case| runtime.is_ours || !case.needs_our_server);
    let trials = cases.map(|case| {
        let name = format!("{name}, {:?}: {}", runtime.protocol, case.name);
        trial(name, None, move || check(&case, runtime, native))
    });
    trials.collect()
}

fn main() -> ExitCode {
    let flags = ["--body-limit", "1MiB", "--message", MESSAGE, "--color", "teal"];
    let servers = RUNTIMES.map(|(name, command)| (name, start(command(), &flags)));
    let native = servers[0].1.address;
    let mut all = Vec::new();
    for (name, server) in &servers {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            all.extend(trials(name, Runtime { address: server.address, protocol, is_ours: true }, native));
        }
    }
    let other_hosts = OTHER_HOSTS.map(|(name, program, start)| (name, program, start()));
    for (name, program, host) in &other_hosts {
        let runtime =
            host.iter().map(|host| Runtime { address: host.address, protocol: Protocol::Http1, is_ours: false });
        let each_case = runtime.flat_map(|runtime| trials(name, runtime, native));
        all.extend(trials_or_one(name, Missing::programs(&[program]), each_case));
    }
    run_trials(all)
}
