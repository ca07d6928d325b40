//! Body of a guest's response. It drives the guest, which may still write it.

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty};
use tokio::time::{Sleep, sleep};
use wasmtime_wasi_http::{Error, WasiBody};

use super::{
    call::{Completion, GuestCall},
    pool::PooledInstance,
};
use crate::failure::GuestError;

type ReadFrame = Option<Result<Frame<Bytes>, Error>>;

/// The guest behind a body.
pub(crate) enum Guest {
    /// It still works on the request.
    Running(GuestCall),
    /// It exited with code 0. Its instance lives on until the body is read.
    Exited { _instance: PooledInstance },
    /// It has returned, or failed.
    Finished,
}

impl From<Completion> for Guest {
    fn from(completion: Completion) -> Self {
        match completion {
            Completion::Returned => Guest::Finished,
            Completion::Exited(instance) => Guest::Exited { _instance: instance },
        }
    }
}

/// Body of a guest's response. A guest that traps or exits too early makes it end in an error, which closes the connection; wasmtime
/// itself would report such a body as complete.
pub(crate) struct GuestBody {
    body: WasiBody,
    guest: Guest,
    /// Frame that was read in advance.
    read_ahead: Option<Result<Frame<Bytes>, Error>>,
    request_timeout: Duration,
    /// Set while the client waits for the guest.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Bytes until the response is complete, if that is known. At 0 HTTP reads no further.
    remaining: Option<u64>,
}

impl GuestBody {
    /// `length`: number of bytes that HTTP will read, if that is known.
    pub(crate) fn new(body: WasiBody, guest: Guest, length: Option<u64>, request_timeout: Duration) -> Self {
        GuestBody { body, guest, read_ahead: None, request_timeout, deadline: None, remaining: length }
    }

    /// Returns the response of a guest that has just begun to respond. Reads in advance what the guest has ready: most often that is
    /// everything, and the instance is back in the pool before the response is written.
    pub(crate) fn start(mut self, cx: &mut Context<'_>) -> Self {
        if matches!(self.guest, Guest::Running(_))
            && let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx)
        {
            let is_complete = frame.is_none() || has_ended(&self.body);
            self.read_ahead = frame;
            if is_complete {
                self.finish();
            }
        }
        self
    }

    /// Lets the guest complete its work after the response.
    fn finish(&mut self) {
        match mem::replace(&mut self.guest, Guest::Finished) {
            Guest::Running(call) => {
                let body = mem::replace(&mut self.body, empty());
                call.finish(body, self.request_timeout);
            }
            other => self.guest = other,
        }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<ReadFrame> {
        if let Some(frame) = self.read_ahead.take() {
            return Poll::Ready(Some(frame));
        }
        if let Guest::Running(call) = &mut self.guest
            && let Poll::Ready(result) = call.poll(cx)
        {
            match result {
                Ok(completion) => self.guest = completion.into(),
                Err(error) => {
                    self.guest = Guest::Finished;
                    error.report();
                    return Poll::Ready(Some(Err(Error::HttpResponseIncomplete)));
                }
            }
        }
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        match &self.guest {
            Guest::Exited { .. } if frame.is_pending() => {
                tracing::warn!("guest exited before its response was complete");
                Poll::Ready(Some(Err(Error::HttpResponseIncomplete)))
            }
            Guest::Running(_) if frame.is_pending() => self.poll_deadline(cx),
            _ => {
                self.deadline = None;
                frame
            }
        }
    }

    /// Stops the guest when the client has waited for it as long as the request timeout.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<ReadFrame> {
        let request_timeout = self.request_timeout;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(request_timeout)));
        ready!(deadline.as_mut().poll(cx));
        self.guest = Guest::Finished;
        GuestError::Timeout.report();
        Poll::Ready(Some(Err(Error::HttpResponseTimeout)))
    }
}

/// Returns a response of the host itself, for a guest that failed.
pub(crate) fn without_guest<B>(response: Response<B>) -> Response<GuestBody>
where
    B: Body<Data = Bytes, Error: Into<Error>> + Send + 'static,
{
    response.map(|body| GuestBody::new(body.map_err(Into::into).boxed_unsync(), Guest::Finished, None, Duration::MAX))
}

fn empty() -> WasiBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

fn has_ended(body: &WasiBody) -> bool {
    body.is_end_stream() || body.size_hint().exact() == Some(0)
}

impl Body for GuestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ReadFrame> {
        let frame = ready!(self.poll_body(cx));
        match &frame {
            Some(Ok(frame)) => {
                let length = data_length(frame);
                self.remaining = self.remaining.map(|remaining| remaining.saturating_sub(length));
            }
            Some(Err(_)) => {}
            None => self.remaining = Some(0),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.read_ahead.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        if let Some(Ok(frame)) = &self.read_ahead {
            let length = data_length(frame);
            if let Some(upper) = hint.upper() {
                hint.set_upper(upper + length);
            }
            hint.set_lower(hint.lower() + length);
        }
        hint
    }
}

fn data_length(frame: &Frame<Bytes>) -> u64 {
    frame.data_ref().map_or(0, Bytes::len) as u64
}

impl Drop for GuestBody {
    fn drop(&mut self) {
        // If the response is incomplete, the client has left: the guest is stopped.
        if self.remaining == Some(0) || (self.read_ahead.is_none() && has_ended(&self.body)) {
            self.finish();
        }
    }
}
