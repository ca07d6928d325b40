//! One request and its response, as the server sees them: counted, logged and traced when they end.

use std::{error::Error, iter::successors, mem, sync::Arc, time::Instant};

use http::{HeaderValue, Method, Request, StatusCode, uri::PathAndQuery};

use super::{
    activity::{ConnectionActivity, Phase},
    permit::Permit,
    request_body::RequestBodyError,
};
use crate::telemetry::{AccessLog, AccessRecord, METRICS, ServerSpan, TRACEPARENT, trace_id};

/// Status in metrics and log for a client that left before the response started; nginx uses the same.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// A request, from its headers to the end of its response. Drop guard: it is counted and logged, and its span ends.
pub(super) struct Exchange {
    pub(super) started: Instant,
    method: Method,
    path: Option<PathAndQuery>,
    request_id: HeaderValue,
    /// Set when the response starts.
    status: Option<StatusCode>,
    bytes_sent: u64,
    guard: ResponseGuard,
    access_log: AccessLog,
    span: Option<ServerSpan>,
    traceparent: Option<HeaderValue>,
}

impl Exchange {
    /// Boxed, because it is moved a dozen times.
    pub(super) fn start<B>(
        request: &Request<B>,
        request_id: &HeaderValue,
        activity: Arc<ConnectionActivity>,
        access_log: AccessLog,
        span: Option<ServerSpan>,
    ) -> Box<Self> {
        activity.request_started();
        Box::new(Exchange {
            started: Instant::now(),
            method: request.method().clone(),
            path: request.uri().path_and_query().cloned(),
            request_id: request_id.clone(),
            status: None,
            bytes_sent: 0,
            guard: ResponseGuard { permit: None, activity, phase: Phase::Handling },
            access_log,
            span,
            traceparent: request.headers().get(TRACEPARENT).cloned(),
        })
    }

    pub(super) fn activity(&self) -> &Arc<ConnectionActivity> {
        &self.guard.activity
    }

    /// Acquires the permit for a request in flight. Returns whether there was one.
    pub(super) fn acquire_permit(&mut self, max: u32) -> bool {
        self.guard.permit = Permit::for_request(max);
        self.guard.permit.is_some()
    }

    pub(super) fn response_started(&mut self, status: StatusCode) {
        self.status = Some(status);
        self.guard.phase = Phase::Responding;
        self.activity().response_started(Instant::now());
    }

    /// A chunk of the response was passed to the connection. After the last one the exchange is dropped, which notes the time.
    pub(super) fn chunk_sent(&mut self, bytes: usize, is_last: bool) {
        self.bytes_sent += bytes as u64;
        if !is_last {
            self.activity().response_progressed(Instant::now());
        }
    }

    /// The response ends before it is complete; the client gets the part that was sent.
    pub(super) fn response_aborted(&self, error: &(dyn Error + 'static)) {
        if let Some(span) = &self.span {
            span.response_aborted(&error.to_string());
        }
        let path = self.path.as_ref().map_or("", PathAndQuery::path);
        let request_id = self.request_id.to_str().unwrap_or_default();
        // A client that leaves while it sends its body causes no warning.
        let is_by_client = successors(Some(error), |&error| error.source())
            .any(|error| error.is::<RequestBodyError>() || error.is::<hyper::Error>());
        if is_by_client {
            tracing::debug!(%error, path, request_id, "response aborted");
        } else {
            tracing::warn!(%error, path, request_id, "response aborted");
        }
    }

    /// Takes the guard, for a response that is written later than this exchange is dropped.
    pub(super) fn take_guard(&mut self) -> ResponseGuard {
        self.guard.take()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let now = Instant::now();
        self.guard.end(now);
        let latency = now - self.started;
        let status = self.status.unwrap_or_else(|| StatusCode::from_u16(CLIENT_CLOSED_REQUEST).expect("a status"));
        METRICS.record(&self.method, status, latency);
        if let Some(span) = &self.span {
            span.end(self.status);
        }
        if let Some(level) = self.access_log.level(status) {
            let record = AccessRecord {
                method: self.method.as_str(),
                path: self.path.as_ref().map_or("", PathAndQuery::path),
                status: status.as_u16(),
                latency_us: u64::try_from(latency.as_micros()).unwrap_or(u64::MAX),
                bytes: self.bytes_sent,
                request_id: self.request_id.to_str().unwrap_or_default(),
                trace_id: self.traceparent.as_ref().and_then(trace_id),
            };
            self.access_log.write(level, &record);
        }
    }
}

/// Drop guard of a response until it is written: the permit of its request, and its part of the connection's activity.
pub(super) struct ResponseGuard {
    permit: Option<Permit>,
    activity: Arc<ConnectionActivity>,
    phase: Phase,
}

impl ResponseGuard {
    /// Moves everything into another guard; this one then guards nothing.
    fn take(&mut self) -> Self {
        let phase = mem::replace(&mut self.phase, Phase::Ended);
        ResponseGuard { permit: self.permit.take(), activity: self.activity.clone(), phase }
    }

    /// A chunk of the response was passed to the connection.
    pub(super) fn note_progress(&self) {
        self.activity.response_progressed(Instant::now());
    }

    fn end(&mut self, now: Instant) {
        let phase = mem::replace(&mut self.phase, Phase::Ended);
        if phase != Phase::Ended {
            self.activity.request_ended(phase, now);
        }
    }
}

impl Drop for ResponseGuard {
    fn drop(&mut self) {
        if self.phase != Phase::Ended {
            self.end(Instant::now());
        }
    }
}
