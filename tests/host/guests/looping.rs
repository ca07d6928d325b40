//! Guests that loop, and how the work is spread over threads.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use futures_util::future::join_all;
use tests::{
    Server, TIMEOUT, get, host_command, http2_connection, into_http2,
    log_messages::{READY, STARTING},
    request, with_background_traffic, with_flags,
};
use tokio::{runtime::Runtime, time::timeout};

use crate::serve;

tests::guest_tests! {
    looping_guests_do_not_starve_others;
    guest_that_loops_at_instantiation_fails_only_its_request;
}

/// Returns a lock for tests whose guests loop: two of these at once would use every CPU, so that the background traffic of each would
/// time out.
pub(crate) fn take_turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn looping_guests_do_not_starve_others(guest: &str) {
    let _turn = take_turn();
    let server = serve(guest, &[]);
    with_background_traffic(&server, "/ok", || {
        let address = server.address;
        let loops: Vec<_> = (0..8).map(|_| thread::spawn(move || get(address, "/loop").status)).collect();
        for status in loops {
            assert_eq!(status.join().expect("the request gets a response"), 504);
        }
    });
    assert_eq!(server.get_admin("/livez").status, 200);
}

/// Half of the instances loop at random, and so can the first one, which the server creates before it is ready.
fn guest_that_loops_at_instantiation_fails_only_its_request(guest: &str) {
    let _turn = take_turn();
    let flags = ["--request-timeout", "300ms", "--env", "LOOP_AT_START=half", "--max-instance-reuse-count", "1"];
    let server = (0..40)
        .map(|_| Server::start_bound(with_flags(host_command(guest), &flags)))
        .find(|server| server.wait_for_log(|line| line["message"] == READY || line.is_string())["message"] == READY)
        .expect("one of 40 starts succeeds");
    let statuses: Vec<_> = (0..30).map(|_| server.get("/ok").status.as_u16()).collect();
    assert!(statuses.iter().all(|status| [200, 504].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&200) && statuses.contains(&504), "{statuses:?}");
}

fn threads(server: &Server) -> u64 {
    server.wait_for_message(STARTING)["workers"].as_u64().expect("the number of workers is logged")
}

/// Asserts that each worker thread has used the CPU, which an idle one does not.
fn assert_every_worker_has_looped(server: &Server) {
    let ticks = server.worker_cpu_ticks();
    assert_eq!(ticks.len() as u64, threads(server));
    assert!(ticks.iter().all(|ticks| *ticks > 2), "{ticks:?}");
}

#[test]
fn connections_are_spread_over_all_threads() {
    let server = serve("guest_p3.wasm", &[]);
    thread::scope(|scope| {
        for _ in 0..threads(&server) {
            scope.spawn(|| assert_eq!(server.get("/loop").status, 504));
        }
    });
    assert_every_worker_has_looped(&server);
}

#[test]
fn streams_of_one_connection_are_spread_over_all_threads() {
    let server = serve("guest_p3.wasm", &[]);
    let statuses = Runtime::new().expect("the runtime starts").block_on(async {
        let (sender, _connection) = http2_connection(server.address, None).await.expect("HTTP/2 is accepted");
        let loops = (0..threads(&server)).map(|_| {
            let mut sender = sender.clone();
            let request = into_http2(request("GET", "/loop", "")).expect("the request is valid in HTTP/2");
            async move { sender.send_request(request).await.expect("the head arrives").status() }
        });
        timeout(TIMEOUT, join_all(loops)).await.expect("all responses arrive in time")
    });
    assert!(statuses.iter().all(|status| *status == 504), "{statuses:?}");
    assert_every_worker_has_looped(&server);
}
