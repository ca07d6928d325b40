//! From a request to its answer. Every request goes through the same layers, from the outside in:
//!
//! ```text
//!   request id        taken from x-request-id or made, given to the handler and the caller
//!   access log        one line when the answer has ended: debug, or warn for a 5xx
//!   metrics           counted when the answer has ended
//!   host check        400 where HTTP/1.1 lacks its one Host
//!   shed              503 above the limit of requests in flight; CONNECT, which only proxies serve, 501
//!   body limit        413 above the limit
//!   time-out          504 where no answer has begun in time
//!   catch panic       500 where the handler panics
//!   the handler
//! ```

use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{CONNECTION, HOST, RETRY_AFTER},
    uri::{Authority, PathAndQuery},
};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use tokio::{sync::Semaphore, task::yield_now, time::timeout_at};

use crate::{
    Config, Handler, Threads,
    body::{Answer, RequestBody, ResponseBody},
    metrics::METRICS,
    problem::problem,
    progress::Progress,
    readiness::Readiness,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A longer request id than this is replaced: it goes into every log line.
const MAX_REQUEST_ID: usize = 128;

/// The handler with everything that surrounds it.
pub(crate) struct Pipeline<S> {
    handler: S,
    pub(crate) config: Config,
    readiness: Arc<Readiness>,
    in_flight: Arc<AtomicU32>,
    /// Requests that may wait until the others of their thread are as far as they are.
    turns: Semaphore,
    request_ids: RequestIds,
}

/// Which part of the requests in flight may be such that wait for their turn: while they do, others could be shed.
const WAITING_PART: u32 = 8;

impl<S> Pipeline<S> {
    pub(crate) fn new(handler: S, threads: Threads, config: Config, readiness: Arc<Readiness>) -> Self {
        let turns = match threads {
            Threads::Shared => 0,
            Threads::Own => config.max_in_flight / WAITING_PART,
        };
        let (turns, request_ids) = (Semaphore::new(turns as usize), RequestIds::new());
        Pipeline { handler, config, readiness, in_flight: Arc::default(), turns, request_ids }
    }

    pub(crate) async fn answer<B>(
        self: Arc<Self>,
        mut request: Request<Incoming>,
        progress: Arc<Progress>,
    ) -> Result<Response<ResponseBody<B>>, Infallible>
    where
        S: Handler<B>,
        B: Body<Data = Bytes> + Send + 'static,
    {
        let request_id = self.request_ids.of(request.headers_mut());
        let over_http1 = request.version() <= Version::HTTP_11;
        let is_head = request.method() == Method::HEAD;
        let mut exchange = Exchange::begin(&request, &request_id, progress);

        let answer = match self.refusal(&request, &mut exchange) {
            None => self.handle(request, exchange.started).await,
            Some(refusal) => Err(refusal),
        };
        let mut answer = match answer {
            // hyper drops the body of an answer to HEAD only over HTTP/1.
            Ok(answer) if is_head => answer.map(|_| Answer::Server(Full::default())),
            Ok(answer) => answer.map(Answer::Handler),
            Err(refusal) => refusal.map(Answer::Server),
        };
        answer.headers_mut().insert(REQUEST_ID, request_id);
        if over_http1 && self.readiness.is_draining() {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        exchange.answers(answer.status());
        Ok(answer.map(|body| ResponseBody::new(body, exchange)))
    }

    /// Why the request gets no further; else it has a place among those in flight.
    fn refusal(&self, request: &Request<Incoming>, exchange: &mut Exchange) -> Option<Response<Full<Bytes>>> {
        if !names_one_host(request) {
            return Some(problem(StatusCode::BAD_REQUEST, "a request must name one host, in one valid Host header"));
        }
        if request.method() == Method::CONNECT {
            return Some(problem(StatusCode::NOT_IMPLEMENTED, "this is no proxy"));
        }
        exchange.place = Place::take(&self.in_flight, self.config.max_in_flight);
        exchange.place.is_none().then(|| shed("too many requests are in flight; try again in a moment"))
    }

    /// The handler's answer, or what is answered in its stead.
    async fn handle<B>(
        &self,
        request: Request<Incoming>,
        started: Instant,
    ) -> Result<Response<B>, Response<Full<Bytes>>>
    where
        S: Handler<B>,
        B: Body<Data = Bytes> + Send + 'static,
    {
        let request = request.map(|body| RequestBody::new(body, self.config.body_limit));
        if request.body().is_too_large() {
            return Err(self.too_large());
        }
        let over_limit = request.body().over_limit();
        let mut handler = self.handler.clone();
        let answer = pin!(async move { handler.call(request).await });
        let deadline = started + self.config.request_timeout;
        self.others_first().await;
        let answer = timeout_at(deadline.into(), AssertUnwindSafe(answer).catch_unwind()).await;
        if over_limit.is_set() {
            return Err(self.too_large());
        }
        self.others_first().await;
        match answer {
            Ok(Ok(Ok(answer))) => Ok(answer),
            Ok(Ok(Err(never))) => match never {},
            Ok(Err(_panic)) => {
                Err(problem(StatusCode::INTERNAL_SERVER_ERROR, "the handler panicked; the log has the reason"))
            }
            Err(_elapsed) => Err(problem(StatusCode::GATEWAY_TIMEOUT, "the handler did not answer in time")),
        }
    }

    /// Where a connection stays with its thread, first all requests that are there are read, then all handlers run, then all answers
    /// are written: the code of each would drive that of the others out of the processor's caches. A quarter of a request.
    async fn others_first(&self) {
        if let Ok(_turn) = self.turns.try_acquire() {
            yield_now().await;
        }
    }

    fn too_large(&self) -> Response<Full<Bytes>> {
        let detail = format!("the body is over the limit of {} bytes", self.config.body_limit);
        problem(StatusCode::PAYLOAD_TOO_LARGE, &detail)
    }
}

/// Refuses a request for want of room: 503 that says when to come again, and counted.
fn shed(detail: &str) -> Response<Full<Bytes>> {
    METRICS.shed.inc();
    let mut refusal = problem(StatusCode::SERVICE_UNAVAILABLE, detail);
    refusal.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    refusal
}

/// RFC 9112, 3.2: an HTTP/1.1 request without Host, with two, or with one that is no authority, is refused. HTTP/2 has its
/// authority in the URI, and HTTP/1.0 may have none.
fn names_one_host(request: &Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => is_plain_host(host.as_bytes()) || Authority::try_from(host.as_bytes()).is_ok(),
        (None, _) => request.version() != Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

/// A name or an IPv4 address, with or without a port: almost every host, and this way parsed without a copy.
fn is_plain_host(host: &[u8]) -> bool {
    let mut parts = host.splitn(2, |byte| *byte == b':');
    let is_name = |name: &[u8]| name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    parts.next().is_some_and(is_name) && parts.next().is_none_or(|port| port.iter().all(u8::is_ascii_digit))
}

/// A line a request at `info` would cost a fifth of what it takes to answer a hello.
macro_rules! access_log {
    ($level:ident, $exchange:expr, $latency:expr) => {
        tracing::$level!(
            target: "access",
            method = %$exchange.method,
            path = $exchange.path.as_ref().map_or("", PathAndQuery::path),
            status = $exchange.status.as_u16(),
            latency_us = micros($latency),
            bytes = $exchange.bytes_sent,
            request_id = $exchange.request_id.to_str().unwrap_or_default(),
            "request"
        )
    };
}

/// One request from its headers to the end of its answer; dropping it counts and logs it.
pub(crate) struct Exchange {
    started: Instant,
    method: Method,
    path: Option<PathAndQuery>,
    request_id: HeaderValue,
    status: StatusCode,
    bytes_sent: u64,
    /// Where it was admitted.
    place: Option<Place>,
    is_answering: bool,
    progress: Arc<Progress>,
}

/// One of the places for requests in flight.
struct Place(Arc<AtomicU32>);

impl Place {
    fn take(in_flight: &Arc<AtomicU32>, max: u32) -> Option<Self> {
        in_flight.fetch_update(Relaxed, Relaxed, |taken| (taken < max).then_some(taken + 1)).ok()?;
        METRICS.in_flight.inc();
        Some(Place(in_flight.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
        METRICS.in_flight.dec();
    }
}

impl Exchange {
    /// Boxed, as it is handed on a dozen times.
    fn begin(request: &Request<Incoming>, request_id: &HeaderValue, progress: Arc<Progress>) -> Box<Self> {
        progress.request();
        Box::new(Exchange {
            started: Instant::now(),
            method: request.method().clone(),
            path: request.uri().path_and_query().cloned(),
            request_id: request_id.clone(),
            // What stands here when the client leaves before there is an answer; nginx's code for that.
            status: StatusCode::from_u16(499).expect("a status"),
            bytes_sent: 0,
            place: None,
            is_answering: false,
            progress,
        })
    }

    fn answers(&mut self, status: StatusCode) {
        self.status = status;
        self.is_answering = true;
        self.progress.answer(Instant::now());
    }

    /// A part of the answer has been sent; after the last part this is dropped.
    pub(crate) fn sent(&mut self, bytes: usize, is_last: bool) {
        self.bytes_sent += bytes as u64;
        if !is_last {
            self.progress.made(Instant::now());
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let now = Instant::now();
        self.progress.end(self.is_answering, now);
        let latency = now - self.started;
        METRICS.record(&self.method, self.status, latency);
        if self.status.is_server_error() {
            access_log!(warn, self, latency);
        } else {
            access_log!(debug, self, latency);
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Makes request ids: unique in this process, and by the time in its seed most likely between processes.
struct RequestIds {
    seed: u64,
    count: AtomicU64,
}

impl RequestIds {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let nanos = u64::try_from(now.as_nanos()).unwrap_or_default();
        RequestIds { seed: nanos ^ u64::from(std::process::id()).rotate_left(32), count: AtomicU64::new(0) }
    }

    /// The id that the caller gave, or a new one, which the headers then carry to the handler.
    fn of(&self, headers: &mut HeaderMap) -> HeaderValue {
        if let Some(given) = headers.get(REQUEST_ID).filter(|given| is_request_id(given)) {
            return given.clone();
        }
        // SplitMix64: every count gives another id, and neighbours look nothing alike.
        let mut mixed = self.seed.wrapping_add(self.count.fetch_add(1, Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let digits = (mixed ^ (mixed >> 31))
            .to_be_bytes()
            .map(|byte| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        let id = HeaderValue::from_bytes(digits.as_flattened()).expect("hexadecimal digits");
        headers.insert(REQUEST_ID, id.clone());
        id
    }
}

fn is_request_id(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=MAX_REQUEST_ID).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_kept_when_sound_and_made_when_not() {
        let ids = RequestIds::new();
        let id_for = |given: &[u8]| {
            let mut headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_bytes(given).unwrap())]);
            let id = ids.of(&mut headers);
            assert_eq!(headers.get(REQUEST_ID), Some(&id));
            id
        };
        assert_eq!(id_for(b"abc-123"), "abc-123");
        let too_long = [b'a'; MAX_REQUEST_ID + 1];
        for unsound in [&b""[..], b"two words", b"\xff", &too_long] {
            assert_eq!(id_for(unsound).len(), 16);
        }
    }

    #[test]
    fn request_ids_differ() {
        let ids = RequestIds::new();
        let made: std::collections::HashSet<_> = (0..1000).map(|_| ids.of(&mut HeaderMap::new())).collect();
        assert_eq!(made.len(), 1000);
    }
}
