//! Limits that HTTP/2 needs in a form of its own.

use std::{thread, time::Duration};

use bytes::Bytes;
use futures_util::{future::join_all, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tests::{BoxRequest, RequestBody, Server, TIMEOUT, http2_connection, into_http2, request};
use tokio::{
    runtime::Builder,
    time::{sleep, timeout},
};

tests::server_tests! {
    idle_http2_connection_is_closed_gracefully_after_its_request(&["--idle-timeout", "200ms"]);
    old_http2_connection_is_closed_gracefully_after_its_request(&["--max-connection-age", "200ms"]);
    http2_response_keeps_its_permit_until_sent_or_stalled(&["--request-timeout", "500ms"]);
    overlapping_uploads_do_not_count_as_one_slow_upload(&["--request-timeout", "600ms"]);
}

fn get(path: &str) -> BoxRequest {
    into_http2(request("GET", path, "")).expect("the request is valid in HTTP/2")
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = Builder::new_current_thread().enable_all().build().expect("the runtime starts");
    runtime.block_on(async { timeout(TIMEOUT, future).await.expect("the exchange ends in time") })
}

/// The request takes longer than the time-out.
async fn response_then_graceful_close(server: &Server, path: &str) {
    let (mut sender, connection) = http2_connection(server.address, None).await.expect("HTTP/2 is accepted");
    let response = sender.send_request(get(path)).await.expect("the request in flight gets its response");
    assert_eq!(response.status(), 200);
    drop(response);
    connection.await.expect("the client does not panic").expect("the server closes with GOAWAY");
    assert!(sender.ready().await.is_err(), "the connection accepts another request");
}

fn idle_http2_connection_is_closed_gracefully_after_its_request(server: &Server) {
    block_on(response_then_graceful_close(server, "/delay/1"));
}

fn old_http2_connection_is_closed_gracefully_after_its_request(server: &Server) {
    block_on(response_then_graceful_close(server, "/delay/0.5"));
}

/// Over HTTP/2 a small response leaves the handler at once, even if the client's window has no room for it.
fn http2_response_keeps_its_permit_until_sent_or_stalled(server: &Server) {
    // In a thread, as it blocks on a runtime of its own.
    let wait_for_in_flight = |expected| {
        let wait = || server.wait_for_metric("http_requests_in_flight", expected);
        thread::scope(|scope| scope.spawn(wait).join().expect("the metric has the value in time"));
    };
    block_on(async {
        let (mut sender, connection) = http2_connection(server.address, Some(1)).await.expect("HTTP/2 is accepted");
        let mut responses = Vec::new();
        for path in ["/", "/info"] {
            responses.push(sender.send_request(get(path)).await.expect("the head arrives"));
        }
        wait_for_in_flight(2.0);
        assert!(connection.await.expect("the client does not panic").is_err(), "a stalled connection is aborted");
        wait_for_in_flight(0.0);

        let (mut sender, _connection) = http2_connection(server.address, None).await.expect("HTTP/2 is accepted");
        let response = sender.send_request(get("/")).await.expect("the head arrives");
        assert!(response.into_body().collect().await.expect("the body arrives").to_bytes().starts_with(b"{"));
        wait_for_in_flight(0.0);
    });
}

/// Each upload takes less than the request time-out; together they take longer.
fn overlapping_uploads_do_not_count_as_one_slow_upload(server: &Server) {
    block_on(async {
        let (sender, _connection) = http2_connection(server.address, None).await.expect("HTTP/2 is accepted");
        let uploads = (0..10).map(|number: u32| {
            let mut sender = sender.clone();
            async move {
                sleep(Duration::from_millis(150) * number).await;
                let halves = stream::unfold(0, async |sent| {
                    if sent == 1 {
                        sleep(Duration::from_millis(300)).await;
                    }
                    (sent < 2).then(|| (Ok(Frame::data(Bytes::from_static(b"half"))), sent + 1))
                });
                let upload = request("POST", "/echo", "").map(|_| RequestBody::new(StreamBody::new(halves)));
                let upload = into_http2(upload).expect("the request is valid in HTTP/2");
                let response = sender.send_request(upload).await.expect("the head arrives");
                response.into_body().collect().await.expect("the body arrives").to_bytes()
            }
        });
        assert!(join_all(uploads).await.iter().all(|echoed| echoed == "halfhalf"));
    });
}
