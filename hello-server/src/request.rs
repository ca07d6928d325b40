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
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{
            AtomicU32, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::{CONNECTION, HOST, RETRY_AFTER},
    uri::Authority,
};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

use crate::{
    Config, Handler,
    body::{Answer, RequestBody, ResponseBody},
    metrics::METRICS,
    problem::problem,
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
    request_ids: RequestIds,
}

impl<S> Pipeline<S> {
    pub(crate) fn new(handler: S, config: Config, readiness: Arc<Readiness>) -> Self {
        Pipeline { handler, config, readiness, in_flight: Arc::default(), request_ids: RequestIds::new() }
    }

    pub(crate) async fn answer<B>(
        &self,
        mut request: Request<Incoming>,
        progress: Arc<Progress>,
    ) -> Response<ResponseBody<B>>
    where
        S: Handler<B>,
        B: Body<Data = Bytes> + Send + 'static,
    {
        let request_id = self.request_ids.of(request.headers_mut());
        let over_http1 = request.version() <= Version::HTTP_11;
        let is_head = request.method() == Method::HEAD;
        let mut exchange = Exchange::begin(&request, &request_id);

        let (mut head, body) = match self.admit(request, &mut exchange).await {
            Ok(response) => {
                let (head, body) = response.into_parts();
                // hyper drops the body of an answer to HEAD only over HTTP/1.
                (head, if is_head { Answer::Server(Full::default()) } else { Answer::Handler(body) })
            }
            Err(refusal) => {
                let (head, body) = refusal.into_parts();
                (head, Answer::Server(body))
            }
        };
        head.headers.insert(REQUEST_ID, request_id);
        if over_http1 && self.readiness.is_draining() {
            head.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        exchange.status = head.status;
        exchange.answers(progress);
        Response::from_parts(head, ResponseBody::new(body, exchange))
    }

    /// The handler's answer, or why the request did not get one.
    async fn admit<B>(
        &self,
        request: Request<Incoming>,
        exchange: &mut Exchange,
    ) -> Result<Response<B>, Response<Full<Bytes>>>
    where
        S: Handler<B>,
        B: Body<Data = Bytes> + Send + 'static,
    {
        if !names_one_host(&request) {
            return Err(problem(StatusCode::BAD_REQUEST, "a request must name one host, in one valid Host header"));
        }
        if request.method() == Method::CONNECT {
            return Err(problem(StatusCode::NOT_IMPLEMENTED, "this is no proxy"));
        }
        let Some(place) = Place::take(&self.in_flight, self.config.max_in_flight) else {
            return Err(shed("too many requests are in flight; try again in a moment"));
        };
        exchange.place = Some(place);
        let too_large = || {
            let detail = format!("the body is over the limit of {} bytes", self.config.body_limit);
            problem(StatusCode::PAYLOAD_TOO_LARGE, &detail)
        };
        let (head, body) = request.into_parts();
        let body = RequestBody::new(body, self.config.body_limit);
        if body.is_too_large() {
            return Err(too_large());
        }
        let over_limit = body.over_limit();

        let mut handler = self.handler.clone();
        let answered = async move { handler.call(Request::from_parts(head, body)).await };
        match timeout(self.config.request_timeout, AssertUnwindSafe(answered).catch_unwind()).await {
            _ if over_limit.is_set() => Err(too_large()),
            Ok(Ok(Ok(response))) => Ok(response),
            Ok(Ok(Err(never))) => match never {},
            Ok(Err(_panic)) => {
                Err(problem(StatusCode::INTERNAL_SERVER_ERROR, "the handler panicked; the log has the reason"))
            }
            Err(_elapsed) => Err(problem(StatusCode::GATEWAY_TIMEOUT, "the handler did not answer in time")),
        }
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
            path = $exchange.uri.path(),
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
    uri: Uri,
    request_id: HeaderValue,
    pub(crate) status: StatusCode,
    bytes_sent: u64,
    /// Where it was admitted.
    place: Option<Place>,
    /// Where its answer has begun.
    progress: Option<Arc<Progress>>,
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

/// How the answers on one connection get on: a client that neither reads nor sends holds a place for ever, unless it is cut off.
pub(crate) struct Progress {
    answering: AtomicU32,
    last: Mutex<Instant>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Progress { answering: AtomicU32::new(0), last: Mutex::new(Instant::now()) }
    }

    /// When the connection has stalled for this long, or will have at the earliest.
    pub(crate) fn stalls_at(&self, patience: Duration) -> Instant {
        // In this order: an answer that begins is first noted, then counted.
        if self.answering.load(Acquire) == 0 {
            return Instant::now() + patience;
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) + patience
    }

    fn made(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl Exchange {
    /// Boxed, as it is handed on a dozen times.
    fn begin(request: &Request<Incoming>, request_id: &HeaderValue) -> Box<Self> {
        Box::new(Exchange {
            started: Instant::now(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            request_id: request_id.clone(),
            // What stands here when the client leaves before there is an answer; nginx's code for that.
            status: StatusCode::from_u16(499).expect("a status"),
            bytes_sent: 0,
            place: None,
            progress: None,
        })
    }

    fn answers(&mut self, progress: Arc<Progress>) {
        progress.made();
        progress.answering.fetch_add(1, Release);
        self.progress = Some(progress);
    }

    pub(crate) fn sent(&mut self, bytes: usize) {
        self.bytes_sent += bytes as u64;
        if let Some(progress) = &self.progress {
            progress.made();
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(progress) = &self.progress {
            progress.answering.fetch_sub(1, Relaxed);
        }
        let latency = self.started.elapsed();
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
