//! Draws docs/dashboard.svg: the panels of the chart's dashboard with both runtimes side by side, under a light load, then an
//! overload, then a light load again.

mod chart;

use std::{
    error::Error,
    fs,
    net::SocketAddr,
    process::Command,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tests::{Prometheus, Server, get, host_command, native_command, panels, workspace};

/// Length of each part of the load.
const PART: Duration = Duration::from_secs(20);

/// Interval of rates. It is short, because Prometheus scrapes several times per second here.
const RATE_INTERVAL: &str = "5s";

/// Paths that every client requests in turn. One of them does not exist.
const LIGHT: [&str; 8] = ["/", "/info", "/", "/headers", "/", "/delay/0.01", "/", "/nope"];
/// The last one exceeds the request timeout.
const HEAVY: [&str; 6] = ["/delay/0.05", "/", "/delay/0.02", "/status/500", "/info", "/delay/1"];

fn main() -> Result<(), Box<dyn Error>> {
    let pods = [
        ("native-1", native_command()),
        ("native-2", native_command()),
        ("wasm-1", host_command("hello-wasi-0.3.wasm")),
        ("wasm-2", host_command("hello-wasi-0.3.wasm")),
    ]
    .map(|(pod, command)| (pod, start(command)));
    let prometheus = Prometheus::scrape("groups: []", pods.iter().map(|(pod, server)| (*pod, server.admin)));
    let from = seconds(SystemTime::now());
    for (part, clients, paths) in
        [("a light load", 1, &LIGHT[..]), ("an overload", 8, &HEAVY), ("a light load", 1, &LIGHT)]
    {
        println!("{part}, for {} s", PART.as_secs());
        load(pods.each_ref().map(|(_, server)| server.address), clients, paths);
    }
    // The first rates are of an interval that is too short.
    let span = from + 5.0..seconds(SystemTime::now());
    let picture = workspace().join("docs/dashboard.svg");
    let drawn = chart::draw(&panels(), &span, |query| {
        prometheus.range(&tests::fill_variables(query, RATE_INTERVAL), span.start, span.end)
    });
    fs::write(&picture, drawn.map_err(|error| error.to_string())?)?;
    println!("drew {}", picture.display());
    Ok(())
}

fn start(mut command: Command) -> Server {
    command.args(["--max-in-flight", "4", "--request-timeout", "500ms"]);
    Server::start(command)
}

/// Runs a number of clients per address, for one part of the load.
fn load(addresses: [SocketAddr; 4], clients: usize, paths: &[&str]) {
    let end = Instant::now() + PART;
    thread::scope(|scope| {
        for address in addresses {
            for client in 0..clients {
                scope.spawn(move || {
                    let mut paths = paths.iter().cycle().skip(client);
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
