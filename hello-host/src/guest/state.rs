//! State of one instance: everything that the component can reach through its imports.

use std::sync::Arc;

use http::HeaderValue;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::{
    limiter::Limiter,
    outbound::Outbound,
    stdio::{GuestOutput, OutputLimit},
};

/// Handles of resources, streams and futures that one instance may have open.
pub(super) const MAX_HANDLES: usize = 10_000;

mod spin {
    wasmtime::component::bindgen!({
        inline: "
            package fermyon:spin@2.0.0;
            interface variables {
                variant error { invalid-name(string), undefined(string), provider(string), other(string) }
                get: func(name: string) -> result<string, error>;
            }
            world host { import variables; }
        ",
    });
}
pub(super) use spin::fermyon::spin::variables;

pub(crate) struct GuestState {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
    environment: Arc<[(String, String)]>,
    pub(super) limiter: Limiter,
    output: OutputLimit,
}

impl GuestState {
    pub(super) fn new(environment: Arc<[(String, String)]>, outbound: Outbound, limiter: Limiter) -> Self {
        let output = OutputLimit::default();
        let mut wasi = WasiCtx::builder();
        wasi.envs(&environment).stdout(GuestOutput::new("stdout", &output)).stderr(GuestOutput::new("stderr", &output));
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        GuestState { table, wasi: wasi.build(), http: WasiHttpCtx::new(), outbound, environment, limiter, output }
    }

    /// Prepares the state for another request, which is part of this trace.
    pub(super) fn start_request(&mut self, traceparent: Option<HeaderValue>) {
        self.outbound.traceparent = traceparent;
        self.output.start_request();
    }
}

impl WasiView for GuestState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for GuestState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outbound, table: &mut self.table, ctx: &mut self.http }
    }
}

/// Spin's variables, from the same settings as the environment: `message` is `HELLO_MESSAGE`.
impl variables::Host for GuestState {
    fn get(&mut self, name: String) -> Result<String, variables::Error> {
        let variable = format!("HELLO_{}", name.to_ascii_uppercase());
        let found = self.environment.iter().find(|(name, _)| *name == variable);
        found.map(|(_, value)| value.clone()).ok_or(variables::Error::Undefined(name))
    }
}
