//! From a request to its response. Every request passes the same layers, from the outside in:
//!
//! ```text
//!   request id        from x-request-id, or created; passed to the handler and the client
//!   trace             a span if an OTEL_ endpoint is set, passed to the handler by traceparent
//!   access log        a line when the response has ended: info for a fraction of the requests, warn for every 5xx
//!   metrics           counted when the response has ended
//!   host check        400 if a request does not name exactly one valid host
//!   headers           431 if there are more than 100; cookies of HTTP/2 become one field
//!   load shedding     503 above the limit on requests in flight; 501 for CONNECT, which only proxies support
//!   body limit        413 above the limit
//!   timeout           504 if the response does not start in time
//!   final status      500 if the handler's status is 1xx
//!   catch panic       500 if the handler panics
//!   the handler
//! ```

use std::{
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::AtomicU32},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{BoxFuture, ready},
};
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header::CONNECTION};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::{task::yield_now, time::timeout_at};

use super::{
    activity::ConnectionActivity,
    exchange::Exchange,
    handler::Handler,
    host_check::has_valid_host,
    permit::Permit,
    problem::{load_shedding, problem, timed_out, too_large, too_many_headers},
    request_body::{Flag, RequestBody},
    request_id::{REQUEST_ID, request_id},
    response_body::{ResponseBody, Source},
    semantics::{expects_continue, join_cookies, strip_content},
};
use crate::{
    config::Config,
    program_info::Scheduling,
    readiness::Readiness,
    telemetry::{AccessLog, Tracer},
};

/// Time after which a request is slow: from then on its connection is watched, in case the client leaves.
const SLOW: Duration = Duration::from_secs(1);

/// Limit on the header fields of a request. hyper has the same for HTTP/1, and none for HTTP/2.
const MAX_HEADERS: usize = 100;

/// At most one permit of this number may be held by a request that yields: while it does, others could be rejected.
const YIELDING_FRACTION: u32 = 8;

/// The handler, with the layers around it.
pub(crate) struct Pipeline<H> {
    handler: H,
    pub(crate) config: Config,
    access_log: AccessLog,
    readiness: Arc<Readiness>,
    tracer: Option<Tracer>,
    /// Number of requests that yield, and its limit.
    yielding: AtomicU32,
    max_yielding: u32,
}

/// Result of a handler: its response, unless it panics.
type HandlerOutcome<B> = thread::Result<Result<Response<B>, Infallible>>;

/// A handler at work. Boxed, because it has the request in it.
struct PendingHandler<B> {
    outcome: BoxFuture<'static, HandlerOutcome<B>>,
    over_limit: Flag,
}

/// Response of the server itself.
type OwnResponse = Response<Full<Bytes>>;

impl<H: Handler> Pipeline<H> {
    pub(crate) fn new(
        handler: H,
        runtime: &'static str,
        scheduling: Scheduling,
        config: Config,
        readiness: Arc<Readiness>,
        tracer: Option<Tracer>,
    ) -> Self {
        let max_yielding = match scheduling {
            Scheduling::WorkStealing => 0,
            Scheduling::ThreadPerCore => config.max_in_flight / YIELDING_FRACTION,
        };
        let access_log = AccessLog { runtime, sample_ratio: config.access_log };
        Pipeline { handler, config, access_log, readiness, tracer, yielding: AtomicU32::new(0), max_yielding }
    }

    /// Responds to a request. Everything that does not wait happens before there is a future, which would carry the request along.
    pub(crate) fn respond(
        &'static self,
        mut request: Request<Incoming>,
        activity: Arc<ConnectionActivity>,
    ) -> impl Future<Output = Result<Response<ResponseBody<H::Body>>, Infallible>> + Send {
        if request.version() == Version::HTTP_2 {
            join_cookies(request.headers_mut());
        }
        // Before fields are added here.
        let has_too_many_headers = request.headers().len() > MAX_HEADERS;
        let is_http1 = request.version() <= Version::HTTP_11;
        let is_head = request.method() == Method::HEAD;
        let request_id = request_id(request.headers_mut());
        let span = self.tracer.as_ref().and_then(|tracer| tracer.start_span(&mut request));
        let mut exchange = Exchange::start(&request, &request_id, activity, self.access_log, span);
        // From here on the rest of the body is drained, whatever happens to the request.
        let expects_continue = expects_continue(&request);
        let deadline = self.deadline(&exchange);
        let request = request.map(|body| {
            RequestBody::new(body, self.config.body_limit, exchange.activity(), expects_continue, deadline)
        });
        let awaits_continue = request.body().awaits_continue();
        let rejection = if has_too_many_headers {
            Some(too_many_headers(MAX_HEADERS))
        } else {
            self.reject(&request, &mut exchange)
        };
        let pending = match rejection {
            None => Ok(self.call_handler(request)),
            Some(own) => Err(own),
        };

        async move {
            let result = match pending {
                Ok(pending) => self.await_handler(pending, &exchange).await,
                Err(own) => Err(own),
            };
            let mut response = match result {
                Ok(response) => strip_content(response, Source::Handler, is_head),
                Err(own) => strip_content(own, Source::Server, is_head),
            };
            response.headers_mut().insert(REQUEST_ID, request_id);
            exchange.response_started(response.status());
            let mut response = response.map(|body| ResponseBody::new(body, exchange));
            // Some handlers read the request's body only when their response's is read. Then it would be too late for 100.
            if awaits_continue.is_set() {
                response.body_mut().read_ahead().await;
            }
            // RFC 9110, 10.1.1: a client that still waits for 100 may send its body or not, so that the next request could not be
            // distinguished from it.
            let closes =
                self.readiness.is_draining() || self.is_old(&response.body().exchange) || awaits_continue.is_set();
            if is_http1 && closes {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response)
        }
    }

    /// Whether the connection is so old that its client is asked for a new one, which may be to another pod. Over HTTP/2
    /// `connection_server` asks.
    fn is_old(&self, exchange: &Exchange) -> bool {
        self.config.connection_age().is_some_and(|age| exchange.activity().age(exchange.started) >= age)
    }

    /// Deadline for the start of the response: for the timer here, and for a handler that has a more exact error.
    fn deadline(&self, exchange: &Exchange) -> Instant {
        exchange.started + self.config.request_timeout
    }

    /// Returns a response if the handler may not have the request. Otherwise the exchange has a permit.
    fn reject(&self, request: &Request<RequestBody>, exchange: &mut Exchange) -> Option<OwnResponse> {
        if !has_valid_host(request) {
            return Some(problem(StatusCode::BAD_REQUEST, "a request must name one host, in one valid Host header"));
        }
        if request.method() == Method::CONNECT {
            return Some(problem(StatusCode::NOT_IMPLEMENTED, "CONNECT is not supported"));
        }
        // RFC 9112, 3.2.3: only CONNECT may have a target without a path.
        if request.uri().authority().is_some() && request.uri().scheme().is_none() {
            return Some(problem(StatusCode::BAD_REQUEST, "the target of a request must have a path"));
        }
        if !exchange.acquire_permit(self.config.max_in_flight) {
            return Some(load_shedding("too many requests are in flight; try again in a moment"));
        }
        request.body().is_too_large().then(|| too_large(self.config.body_limit))
    }

    fn call_handler(&self, request: Request<RequestBody>) -> PendingHandler<H::Body> {
        let over_limit = request.body().over_limit();
        let mut handler = self.handler.clone();
        let outcome = match catch_unwind(AssertUnwindSafe(|| handler.call(request))) {
            Ok(response) => AssertUnwindSafe(response).catch_unwind().boxed(),
            Err(panic) => ready(Err(panic)).boxed(),
        };
        PendingHandler { outcome, over_limit }
    }

    /// Returns the handler's response, or the server's instead.
    async fn await_handler(
        &'static self,
        PendingHandler { mut outcome, over_limit }: PendingHandler<H::Body>,
        exchange: &Exchange,
    ) -> Result<Response<H::Body>, OwnResponse> {
        let (deadline, slow) = (self.deadline(exchange), exchange.started + SLOW);
        self.yield_to_others().await;
        let outcome = match timeout_at(slow.min(deadline).into(), &mut outcome).await {
            Err(_elapsed) if slow < deadline => {
                exchange.activity().set_slow();
                timeout_at(deadline.into(), outcome).await
            }
            outcome => outcome,
        };
        if over_limit.is_set() {
            return Err(too_large(self.config.body_limit));
        }
        self.yield_to_others().await;
        match outcome {
            Ok(Ok(Ok(response))) if response.status().is_informational() => {
                let status = response.status().as_u16();
                tracing::warn!(status, "the handler's status is not a final one; responded with 500 instead");
                Err(problem(StatusCode::INTERNAL_SERVER_ERROR, "the handler did not respond with a final status"))
            }
            Ok(Ok(Ok(response))) => Ok(response),
            Ok(Ok(Err(never))) => match never {},
            Ok(Err(_panic)) => {
                Err(problem(StatusCode::INTERNAL_SERVER_ERROR, "the handler panicked; see the server's log"))
            }
            Err(_elapsed) => Err(timed_out()),
        }
    }

    /// With a runtime per thread, yields once. So first all pending requests of the thread are read, then all handlers run, then all
    /// responses are written: the code of each step stays in the CPU's caches. Saves a quarter of a request.
    async fn yield_to_others(&'static self) {
        if let Some(_permit) = Permit::from_counter(&self.yielding, self.max_yielding) {
            yield_now().await;
        }
    }
}
