//! One call of a guest: from the moment that it gets an instance until its work for the request is done, which may be after the end
//! of the response.

use std::{
    future::{pending, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_channel::oneshot;
use hello_server::{ChildSpan, TRACEPARENT};
use http::{Request, Response};
use http_body::Body;
use tokio::time::timeout;
use wasmtime::{AsContextMut, Store};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi_http::{
    WasiBody, WasiHttpView,
    handler::{Prepared, Proxy},
    p2::{self, bindings::http::types::Scheme},
};

use super::{
    pool::{InstancePool, PooledInstance},
    state::GuestState,
};
use crate::failure::{GuestError, report_background_timeout};

/// The guest's response, or the error that it returned instead.
pub(crate) type HandlerResult = Result<Response<WasiBody>, wasmtime::Error>;

/// How a call ended.
pub(crate) enum Completion {
    /// The guest returned. Its instance is back in the pool.
    Returned,
    /// The guest exited with code 0. Its instance cannot be used again, but must live until the body of its response is read: wasmtime
    /// reports the body of a dropped instance as complete.
    Exited(PooledInstance),
}

/// Future of one call. Dropping it aborts the guest and drops the instance.
pub(crate) struct GuestCall {
    work: Pin<Box<dyn Future<Output = Result<Completion, GuestError>> + Send>>,
}

impl GuestCall {
    /// Starts the call; nothing runs before the first poll. The response is sent through `response`.
    pub(crate) fn new(
        pool: Arc<InstancePool>,
        mut pooled: PooledInstance,
        mut request: Request<WasiBody>,
        response: oneshot::Sender<HandlerResult>,
    ) -> Self {
        let span = ChildSpan::start("guest", &mut request);
        pooled.split_mut().0.data_mut().start_request(request.headers().get(TRACEPARENT).cloned());
        let work = Box::pin(async move {
            let (store, proxy) = pooled.split_mut();
            let returned = match proxy {
                Proxy::P2(guest) => call_p2(store, guest, request, response).await,
                Proxy::P3(_) => call_p3(store, proxy, request, response).await,
            };
            let has_exited = returned.as_ref().is_err_and(|error| matches!(error.downcast_ref(), Some(I32Exit(0))));
            let outcome = if has_exited { Ok(()) } else { returned.map_err(GuestError::from_call) };
            span.end(outcome.as_ref());
            outcome?;
            if has_exited {
                return Ok(Completion::Exited(pooled));
            }
            pool.release(pooled);
            Ok(Completion::Returned)
        });
        GuestCall { work }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Completion, GuestError>> {
        self.work.as_mut().poll(cx)
    }

    /// Completes the guest's work after its response, in at most the request timeout, and reads the rest of the body, for which the guest
    /// may be waiting.
    pub(super) fn finish(mut self, mut body: WasiBody, request_timeout: Duration) {
        // Most guests only have to return. A task for that would cost as much as the HTTP, and delay the release of the instance.
        if let Poll::Ready(result) = self.poll(&mut Context::from_waker(Waker::noop())) {
            return report(result);
        }
        tokio::spawn(async move {
            let mut is_open = true;
            let work = poll_fn(|cx| {
                while is_open && let Poll::Ready(frame) = Pin::new(&mut body).poll_frame(cx) {
                    is_open = matches!(frame, Some(Ok(_)));
                }
                self.work.as_mut().poll(cx)
            });
            match timeout(request_timeout, work).await {
                Ok(result) => report(result),
                Err(_) => report_background_timeout(),
            }
        });
    }
}

fn report(result: Result<Completion, GuestError>) {
    if let Err(error) = result {
        error.report();
    }
}

/// Calls a guest of WASI 0.2, which sends its response during the call.
async fn call_p2(
    store: &mut Store<GuestState>,
    guest: &p2::bindings::Proxy,
    request: Request<WasiBody>,
    response: oneshot::Sender<HandlerResult>,
) -> wasmtime::Result<()> {
    let mut http = store.data_mut().http();
    let scheme = match request.uri().scheme_str() {
        None | Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        Some(other) => Scheme::Other(other.to_owned()),
    };
    let request = http.new_incoming_request(scheme, request)?;
    let out = http.new_response_outparam_from_callback(|sent| _ = response.send(sent.map_err(Into::into)))?;
    guest.wasi_http_incoming_handler().call_handle(store, request, out).await
}

/// Calls a guest of WASI 0.3, which returns its response, and runs its tasks to their end.
async fn call_p3(
    store: &mut Store<GuestState>,
    proxy: &Proxy,
    request: Request<WasiBody>,
    response: oneshot::Sender<HandlerResult>,
) -> wasmtime::Result<()> {
    let call = store.run_concurrent(async |accessor| {
        let prepared = accessor
            .with(|mut store| Prepared::new(store.as_context_mut(), proxy, request, WasiHttpView::http, response))?;
        // The second argument is a timer; here the task that polls this has one.
        prepared.run(accessor, pending()).await?;
        poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
        Ok(())
    });
    call.await.flatten()
}
