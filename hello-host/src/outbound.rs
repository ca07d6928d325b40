//! Requests that a guest sends: refused unless their host is allowed by name.

use hello_server::{AllowedHost, TRACEPARENT};
use http::{HeaderName, HeaderValue};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, RequestOptions, WasiBody, WasiHttpHooks, default_send_request,
};

/// What guests may reach over HTTP.
#[derive(Clone, Default)]
pub(crate) struct Outbound {
    pub(crate) allowed: std::sync::Arc<[AllowedHost]>,
    /// A guest may try again and again; one line an instance says it.
    pub(crate) refused: bool,
    /// What the guest answers now is a part of; so is what it asks others for that.
    pub(crate) traceparent: Option<HeaderValue>,
}

type IoResult = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl Outbound {
    fn allows(&self, uri: &http::Uri) -> bool {
        self.allowed.iter().any(|allowed| allowed.allows(uri))
    }
}

impl WasiHttpHooks for Outbound {
    /// As by default, but without a closure on the heap for every header.
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        DEFAULT_FORBIDDEN_HEADERS.contains(name)
    }

    fn send_request(
        &mut self,
        mut request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _sent: IoResult,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, IoResult), Error>> + Send> {
        let allowed = self.allows(request.uri());
        if !allowed && !std::mem::replace(&mut self.refused, true) {
            tracing::warn!(uri = %request.uri(), "outbound request refused; --allowed-outbound-hosts can allow its host");
        }
        if let Some(traceparent) = &self.traceparent {
            request.headers_mut().entry(TRACEPARENT).or_insert_with(|| traceparent.clone());
        }
        Box::new(async move {
            if !allowed {
                return Err(Error::HttpRequestDenied);
            }
            let (response, io) = default_send_request(request, options).await?;
            Ok((response.map(BodyExt::boxed_unsync), Box::new(io) as IoResult))
        })
    }
}
