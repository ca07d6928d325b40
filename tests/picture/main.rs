//! Draws docs/dashboard.svg, what the panels of the chart's dashboard show: both runtimes beside each other, under a load that is
//! light at first, then more than they take.

mod chart;

use std::{
    error::Error,
    fs,
    net::SocketAddr,
    process::Command,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tests::{Prometheus, Server, get, host, native, panels, workspace};

/// How long each part of the load takes.
const PART: Duration = Duration::from_secs(20);

/// Rates are over so long a time, as Prometheus scrapes several times a second here.
const RATE_INTERVAL: &str = "5s";

/// Paths that every caller asks for, one after another: what succeeds, and what does not.
const USUAL: [&str; 8] = ["/", "/info", "/", "/headers", "/", "/delay/0.01", "/", "/nope"];
/// The last one takes longer than it is given.
const HARD: [&str; 6] = ["/delay/0.05", "/", "/delay/0.02", "/status/500", "/info", "/delay/1"];

fn main() -> Result<(), Box<dyn Error>> {
    let pods = [
        ("native-1", native()),
        ("native-2", native()),
        ("wasm-1", host("hello-wasi-0.3.wasm")),
        ("wasm-2", host("hello-wasi-0.3.wasm")),
    ]
    .map(|(pod, command)| (pod, start(command)));
    let prometheus = Prometheus::scrape("groups: []", pods.iter().map(|(pod, server)| (*pod, server.admin)));
    let from = seconds(SystemTime::now());
    for (part, callers, paths) in [("a light load", 1, &USUAL[..]), ("too much", 8, &HARD), ("a light load", 1, &USUAL)]
    {
        println!("{part}, for {} s", PART.as_secs());
        load(pods.each_ref().map(|(_, server)| server.address), callers, paths);
    }
    // The first rates are of too short a time.
    let span = from + 5.0..seconds(SystemTime::now());
    let picture = workspace().join("docs/dashboard.svg");
    let drawn = chart::draw(&panels(), &span, |query| {
        prometheus.range(&tests::filled_in(query, RATE_INTERVAL), span.start, span.end)
    });
    fs::write(&picture, drawn.map_err(|error| error.to_string())?)?;
    println!("drew {}", picture.display());
    Ok(())
}

fn start(mut command: Command) -> Server {
    command.args(["--max-in-flight", "4", "--request-timeout", "500ms"]);
    Server::start(command)
}

/// So many callers at each address, for a part of the time.
fn load(addresses: [SocketAddr; 4], callers: usize, paths: &[&str]) {
    let end = Instant::now() + PART;
    thread::scope(|scope| {
        for address in addresses {
            for caller in 0..callers {
                scope.spawn(move || {
                    let mut paths = paths.iter().cycle().skip(caller);
                    while Instant::now() < end {
                        _ = get(address, paths.next().expect("an endless iterator"));
                        thread::sleep(Duration::from_millis(5));
                    }
                });
            }
        }
    });
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}
