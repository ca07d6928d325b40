//! From a request to its answer. Every request goes through the same layers, from the outside in:
//!
//! ```text
//!   request id        taken from x-request-id or made, given to the handler and the caller
//!   trace             a span where an OTEL_ endpoint is set, named to the handler by traceparent
//!   access log        a line when the answer has ended: info for a share of the requests, warn for every 5xx
//!   metrics           counted when the answer has ended
//!   host check        400 where a request does not name one valid host
//!   headers           431 where there are more than 100; cookies of HTTP/2 become one field
//!   shed              503 above the limit of requests in flight; CONNECT, which only proxies serve, 501
//!   body limit        413 above the limit
//!   time-out          504 where no answer has begun in time
//!   final status      500 where the handler's status is 1xx
//!   catch panic       500 where the handler panics
//!   the handler
//! ```

use std::{
    convert::Infallible,
    error::Error,
    iter::successors,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{BoxFuture, ready},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{CONNECTION, RETRY_AFTER},
    uri::PathAndQuery,
};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use tokio::{task::yield_now, time::timeout_at};

use crate::{
    Config, Handler, Threads,
    access::{Access, AccessLog},
    body::{Answer, Flag, RequestBody, RequestBodyError, ResponseBody},
    connection_memory::ConnectionMemory,
    host_check::has_valid_host,
    metrics::{IN_FLIGHT, METRICS},
    problem::problem,
    progress::Progress,
    readiness::Readiness,
    semantics::{expects_continue, join_cookies, strip_content},
    trace::{ServerSpan, TRACEPARENT, Tracer},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A longer request id than this is replaced: it goes into every log line.
const MAX_REQUEST_ID: usize = 128;

/// How long a handler may take until somebody looks whether its client is still there.
const SLOW: Duration = Duration::from_secs(1);

/// Header fields of a request; hyper has the same limit for HTTP/1, and none for HTTP/2.
const MAX_HEADERS: usize = 100;

/// The handler with everything that surrounds it.
pub(crate) struct Pipeline<S> {
    handler: S,
    pub(crate) config: Config,
    pub(crate) runtime: &'static str,
    readiness: Arc<Readiness>,
    pub(crate) tracer: Option<Tracer>,
    pub(crate) memory: ConnectionMemory,
    /// Requests that wait until the others of their thread are as far as they are.
    waiting: AtomicU32,
    max_waiting: u32,
}

/// What a handler answers, unless it panics.
type CaughtAnswer<B> = thread::Result<Result<Response<B>, Infallible>>;

/// Which part of the requests in flight may be such that wait for their turn: while they do, others could be shed.
const WAITING_PART: u32 = 8;

impl<S> Pipeline<S> {
    pub(crate) fn new(
        handler: S,
        runtime: &'static str,
        threads: Threads,
        config: Config,
        readiness: Arc<Readiness>,
        tracer: Option<Tracer>,
    ) -> Self {
        let max_waiting = match threads {
            Threads::Shared => 0,
            Threads::Own => config.max_in_flight / WAITING_PART,
        };
        let memory = ConnectionMemory::new(config.max_connection_memory);
        Pipeline { handler, config, runtime, readiness, tracer, memory, waiting: AtomicU32::new(0), max_waiting }
    }

    /// What can be done at once is done before there is a future, which would be moved with the request in it.
    pub(crate) fn answer<B>(
        &'static self,
        mut request: Request<Incoming>,
        progress: Arc<Progress>,
    ) -> impl Future<Output = Result<Response<ResponseBody<B>>, Infallible>> + Send
    where
        S: Handler<B>,
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
    {
        if request.version() == Version::HTTP_2 {
            join_cookies(request.headers_mut());
        }
        // hyper counts those of HTTP/1 likewise.
        let has_too_many_headers = request.headers().len() > MAX_HEADERS;
        let request_id = request_id(request.headers_mut());
        let over_http1 = request.version() <= Version::HTTP_11;
        let is_head = request.method() == Method::HEAD;
        let span = self.tracer.as_ref().and_then(|tracer| tracer.begin(&mut request));
        let mut exchange = Exchange::begin(&request, &request_id, progress, self.access_log(), span);
        // Whatever becomes of the request, what is left of its body is read.
        let expects_continue = expects_continue(&request);
        let deadline = self.deadline(&exchange);
        let request = request.map(|body| {
            RequestBody::new(body, self.config.body_limit, exchange.progress(), expects_continue, deadline)
        });
        let awaits_continue = request.body().awaits_continue();
        let refusal =
            if has_too_many_headers { Some(too_many_headers()) } else { self.refusal(&request, &mut exchange) };
        let called = match refusal {
            None => Ok(self.call(request)),
            Some(refusal) => Err(refusal),
        };

        async move {
            let answer = match called {
                Ok((answer, over_limit)) => self.handled(answer, over_limit, &exchange).await,
                Err(refusal) => Err(refusal),
            };
            let mut answer = match answer {
                Ok(answer) => strip_content(answer, Answer::Handler, is_head),
                Err(refusal) => strip_content(refusal, Answer::Server, is_head),
            };
            answer.headers_mut().insert(REQUEST_ID, request_id);
            exchange.answers(answer.status());
            let mut answer = answer.map(|body| ResponseBody::new(body, exchange));
            // Some handlers read the body only when theirs is written. Then it is too late for 100.
            if awaits_continue.is_set() {
                answer.body_mut().read_ahead().await;
            }
            // RFC 9110, 10.1.1: a client that still waits for 100 may or may not send its body, so that the next request could not be
            // told from it.
            let closes =
                self.readiness.is_draining() || self.is_old(&answer.body().exchange) || awaits_continue.is_set();
            if over_http1 && closes {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(answer)
        }
    }

    /// Whether the connection is so old that its caller is asked for a new one, which may lead to another pod. Over HTTP/2 `accept`
    /// asks.
    fn is_old(&self, exchange: &Exchange) -> bool {
        self.config.connection_age().is_some_and(|age| exchange.progress().age(exchange.started) >= age)
    }

    /// When the response must have begun: for the timer here, and for a handler that knows better what was late.
    fn deadline(&self, exchange: &Exchange) -> Instant {
        exchange.started + self.config.request_timeout
    }

    fn access_log(&self) -> AccessLog {
        AccessLog { runtime: self.runtime, share: self.config.access_log }
    }

    /// Why the request gets no further; else it has a place among those in flight.
    fn refusal(&self, request: &Request<RequestBody>, exchange: &mut Exchange) -> Option<Response<Full<Bytes>>> {
        if !has_valid_host(request) {
            return Some(problem(StatusCode::BAD_REQUEST, "a request must name one host, in one valid Host header"));
        }
        if request.method() == Method::CONNECT {
            return Some(problem(StatusCode::NOT_IMPLEMENTED, "this is no proxy"));
        }
        // RFC 9112, 3.2.3: only CONNECT may ask for an authority and nothing in it.
        if request.uri().authority().is_some() && request.uri().scheme().is_none() {
            return Some(problem(StatusCode::BAD_REQUEST, "a request must name what it asks for, by a path"));
        }
        if !exchange.take_place(self.config.max_in_flight) {
            return Some(shed("too many requests are in flight; try again in a moment"));
        }
        request.body().is_too_large().then(|| self.too_large())
    }

    /// Hands the request to the handler, whose answer is awaited elsewhere: on the heap, as it has the request in it.
    fn call<B>(&self, request: Request<RequestBody>) -> (BoxFuture<'static, CaughtAnswer<B>>, Flag)
    where
        S: Handler<B>,
        B: Send + 'static,
    {
        let over_limit = request.body().over_limit();
        let mut handler = self.handler.clone();
        let answer = match catch_unwind(AssertUnwindSafe(|| handler.call(request))) {
            Ok(answer) => AssertUnwindSafe(answer).catch_unwind().boxed(),
            Err(panic) => ready(Err(panic)).boxed(),
        };
        (answer, over_limit)
    }

    /// The handler's answer, or what is answered in its stead.
    async fn handled<B>(
        &'static self,
        mut answer: BoxFuture<'static, CaughtAnswer<B>>,
        over_limit: Flag,
        exchange: &Exchange,
    ) -> Result<Response<B>, Response<Full<Bytes>>> {
        let (deadline, slow) = (self.deadline(exchange), exchange.started + SLOW);
        self.others_first().await;
        let answer = match timeout_at(slow.min(deadline).into(), &mut answer).await {
            Err(_elapsed) if slow < deadline => {
                exchange.progress().set_slow();
                timeout_at(deadline.into(), answer).await
            }
            answer => answer,
        };
        if over_limit.is_set() {
            return Err(self.too_large());
        }
        self.others_first().await;
        match answer {
            Ok(Ok(Ok(answer))) if answer.status().is_informational() => {
                let status = answer.status().as_u16();
                tracing::warn!(status, "the handler's status is not a final one; responded with 500 instead");
                Err(problem(StatusCode::INTERNAL_SERVER_ERROR, "the handler did not respond with a final status"))
            }
            Ok(Ok(Ok(answer))) => Ok(answer),
            Ok(Ok(Err(never))) => match never {},
            Ok(Err(_panic)) => {
                Err(problem(StatusCode::INTERNAL_SERVER_ERROR, "the handler panicked; the log has the reason"))
            }
            Err(_elapsed) => Err(late()),
        }
    }

    /// Where a connection stays with its thread, first all requests that are there are read, then all handlers run, then all answers
    /// are written: the code of each would drive that of the others out of the processor's caches. A quarter of a request.
    async fn others_first(&'static self) {
        if let Some(_place) = Place::take(&self.waiting, self.max_waiting) {
            yield_now().await;
        }
    }

    fn too_large(&self) -> Response<Full<Bytes>> {
        let detail = format!("the body is over the limit of {} bytes", self.config.body_limit);
        problem(StatusCode::PAYLOAD_TOO_LARGE, &detail)
    }
}

fn too_many_headers() -> Response<Full<Bytes>> {
    let detail = format!("the request has more than {MAX_HEADERS} header fields");
    problem(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, &detail)
}

/// The response to a request whose handler has not responded by [`RequestBody::deadline`].
#[must_use]
pub fn late() -> Response<Full<Bytes>> {
    problem(StatusCode::GATEWAY_TIMEOUT, "the handler did not respond in time")
}

/// Refuses a request for want of room: 503 that says when to come again, and counted.
pub fn shed(detail: &str) -> Response<Full<Bytes>> {
    METRICS.shed.inc();
    let mut refusal = problem(StatusCode::SERVICE_UNAVAILABLE, detail);
    refusal.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    refusal
}

/// One request from its headers to the end of its answer; dropping it counts and logs it.
pub(crate) struct Exchange {
    started: Instant,
    method: Method,
    path: Option<PathAndQuery>,
    request_id: HeaderValue,
    /// There once the answer has begun.
    status: Option<StatusCode>,
    bytes_sent: u64,
    hold: Hold,
    access_log: AccessLog,
    span: Option<ServerSpan>,
    traceparent: Option<HeaderValue>,
}

/// One of so many places.
struct Place(&'static AtomicU32);

impl Place {
    fn take(taken: &'static AtomicU32, max: u32) -> Option<Self> {
        taken.fetch_update(Relaxed, Relaxed, |taken| (taken < max).then_some(taken + 1)).ok()?;
        Some(Place(taken))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// What a request holds until its answer is written: a place among those in flight, and the patience of its connection.
pub(crate) struct Hold {
    place: Option<Place>,
    progress: Arc<Progress>,
    /// None where it has been handed over, or has ended.
    is_answering: Option<bool>,
}

impl Hold {
    /// What is left here holds nothing.
    fn hand_over(&mut self) -> Self {
        Hold { place: self.place.take(), progress: self.progress.clone(), is_answering: self.is_answering.take() }
    }

    /// A part of the answer goes to the connection.
    pub(crate) fn gets_on(&self) {
        self.progress.made(Instant::now());
    }

    fn end(&mut self, now: Instant) {
        if let Some(was_answering) = self.is_answering.take() {
            self.progress.end(was_answering, now);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.is_answering.is_some() {
            self.end(Instant::now());
        }
    }
}

impl Exchange {
    /// Boxed, as it is handed on a dozen times.
    fn begin(
        request: &Request<Incoming>,
        request_id: &HeaderValue,
        progress: Arc<Progress>,
        access_log: AccessLog,
        span: Option<ServerSpan>,
    ) -> Box<Self> {
        progress.request();
        Box::new(Exchange {
            started: Instant::now(),
            method: request.method().clone(),
            path: request.uri().path_and_query().cloned(),
            request_id: request_id.clone(),
            status: None,
            bytes_sent: 0,
            hold: Hold { place: None, progress, is_answering: Some(false) },
            access_log,
            span,
            traceparent: request.headers().get(TRACEPARENT).cloned(),
        })
    }

    pub(crate) fn progress(&self) -> &Arc<Progress> {
        &self.hold.progress
    }

    /// Gives whether there was a place.
    fn take_place(&mut self, max: u32) -> bool {
        self.hold.place = Place::take(&IN_FLIGHT, max);
        self.hold.place.is_some()
    }

    fn answers(&mut self, status: StatusCode) {
        self.status = Some(status);
        self.hold.is_answering = Some(true);
        self.progress().answer(Instant::now());
    }

    /// A part of the answer has been sent; after the last part this is dropped.
    pub(crate) fn sent(&mut self, bytes: usize, is_last: bool) {
        self.bytes_sent += bytes as u64;
        if !is_last {
            self.progress().made(Instant::now());
        }
    }

    /// The answer ends before it is whole, and its caller gets the part that was sent.
    pub(crate) fn breaks_off(&self, error: &(dyn Error + 'static)) {
        if let Some(span) = &self.span {
            span.breaks_off(&error.to_string());
        }
        let path = self.path.as_ref().map_or("", PathAndQuery::path);
        let request_id = self.request_id.to_str().unwrap_or_default();
        // Where the caller has left in the midst of its own body, it has nothing to complain of.
        let is_callers_doing = successors(Some(error), |&error| error.source())
            .any(|error| error.is::<RequestBodyError>() || error.is::<hyper::Error>());
        if is_callers_doing {
            tracing::debug!(%error, path, request_id, "answer broken off");
        } else {
            tracing::warn!(%error, path, request_id, "answer broken off");
        }
    }

    /// What is held until the answer is written, where that is later than when this is dropped.
    pub(crate) fn hold(&mut self) -> Hold {
        self.hold.hand_over()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let now = Instant::now();
        self.hold.end(now);
        let latency = now - self.started;
        // The caller has left before there was an answer; nginx's code for that.
        let status = self.status.unwrap_or_else(|| StatusCode::from_u16(499).expect("a status"));
        METRICS.record(&self.method, status, latency);
        if let Some(span) = &self.span {
            span.end(self.status);
        }
        if let Some(level) = self.access_log.level(status) {
            let access = Access {
                method: self.method.as_str(),
                path: self.path.as_ref().map_or("", PathAndQuery::path),
                status: status.as_u16(),
                latency_us: u64::try_from(latency.as_micros()).unwrap_or(u64::MAX),
                bytes: self.bytes_sent,
                request_id: self.request_id.to_str().unwrap_or_default(),
                trace_id: self.traceparent.as_ref().and_then(trace_id),
            };
            self.access_log.write(level, &access);
        }
    }
}

/// The trace that a request is a part of, by the `traceparent` that its caller or `trace` gave it (W3C Trace Context, 3.2.2): version,
/// trace, parent, flags.
fn trace_id(traceparent: &HeaderValue) -> Option<&str> {
    let id = traceparent.to_str().ok()?.split('-').nth(1)?;
    (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

/// The id that the caller gave, or a new one, which the headers then carry to the handler.
fn request_id(headers: &mut HeaderMap) -> HeaderValue {
    if let Some(given) = headers.get(REQUEST_ID).filter(|given| is_request_id(given)) {
        return given.clone();
    }
    let id = HeaderValue::from(fastrand::u64(..));
    headers.insert(REQUEST_ID, id.clone());
    id
}

fn is_request_id(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=MAX_REQUEST_ID).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// What a header may hold, rarely and often in what hosts and ids are made of.
    fn value() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![prop::sample::select(&b"a0.-:/@[]%_ f"[..]), b' '..=b'~', 0x80..=0xff_u8];
        vec(byte, 0..=2 * MAX_REQUEST_ID)
    }

    proptest! {
        #[test]
        fn ids_are_sound_whatever_was_given(given in value()) {
            let mut headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_bytes(&given).unwrap())]);
            let id = request_id(&mut headers);
            prop_assert!(is_request_id(&id));
            prop_assert_eq!(headers.get_all(REQUEST_ID).iter().collect::<Vec<_>>(), [&id]);
        }

        #[test]
        fn traces_are_hexadecimal_or_none(given in value(), id in "[0-9a-zA-Z]{31,33}") {
            for text in [given, format!("00-{id}-00").into_bytes()] {
                let value = HeaderValue::from_bytes(&text).unwrap();
                let hexadecimal = |id: &str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
                prop_assert!(trace_id(&value).is_none_or(hexadecimal));
            }
        }
    }

    #[test]
    fn request_ids_are_kept_when_sound_and_made_when_not() {
        let id_for = |given: &[u8]| {
            let mut headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_bytes(given).unwrap())]);
            let id = request_id(&mut headers);
            assert_eq!(headers.get(REQUEST_ID), Some(&id));
            id
        };
        assert_eq!(id_for(b"abc-123"), "abc-123");
        let too_long = [b'a'; MAX_REQUEST_ID + 1];
        for unsound in [&b""[..], b"two words", b"\xff", &too_long] {
            assert!(id_for(unsound).as_bytes().iter().all(u8::is_ascii_digit));
        }
    }

    #[test]
    fn request_ids_differ_on_every_thread() {
        let thousand = || (0..1000).map(|_| request_id(&mut HeaderMap::new())).collect::<Vec<_>>();
        let threads = [thread::spawn(thousand), thread::spawn(thousand)];
        let ids: HashSet<_> = threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
        assert_eq!(ids.len(), 2000);
    }
}
