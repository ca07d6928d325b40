//! HTTP requests that a guest sends: denied unless their host is allowed.

use std::{mem, sync::Arc};

use hello_server::{AllowedHost, TRACEPARENT};
use http::{HeaderName, HeaderValue, Request, Response, Uri};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, RequestOptions, WasiBody, WasiHttpHooks, default_send_request,
};

/// Rules for the requests of one instance.
#[derive(Clone)]
pub(super) struct Outbound {
    allowed: Arc<[AllowedHost]>,
    /// Whether a request was denied before; only the first of an instance is logged.
    is_logged: bool,
    /// Trace context of the request that the guest handles, for the requests that it sends meanwhile.
    pub(super) traceparent: Option<HeaderValue>,
}

type IoResult = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl Outbound {
    pub(super) fn new(allowed: &[AllowedHost]) -> Self {
        Outbound { allowed: allowed.into(), is_logged: false, traceparent: None }
    }

    fn allows(&self, uri: &Uri) -> bool {
        self.allowed.iter().any(|allowed| allowed.allows(uri))
    }
}

impl WasiHttpHooks for Outbound {
    /// As by default, but without allocating a closure for every header.
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        DEFAULT_FORBIDDEN_HEADERS.contains(name)
    }

    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _sent: IoResult,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, IoResult), Error>> + Send> {
        let is_allowed = self.allows(request.uri());
        if !is_allowed && !mem::replace(&mut self.is_logged, true) {
            tracing::warn!(uri = %request.uri(), "outbound request denied; --allowed-outbound-hosts can allow its host");
        }
        if let Some(traceparent) = &self.traceparent {
            request.headers_mut().entry(TRACEPARENT).or_insert_with(|| traceparent.clone());
        }
        Box::new(async move {
            if !is_allowed {
                return Err(Error::HttpRequestDenied);
            }
            let (response, io) = default_send_request(request, options).await?;
            Ok((response.map(BodyExt::boxed_unsync), Box::new(io) as IoResult))
        })
    }
}
