//! Linking: whether this host has what a component imports, and the component a handler that this host can call.

use wasmtime::{
    Engine, Result,
    component::{Component, HasSelf, Linker},
};
use wasmtime_wasi_http::{handler::ProxyPre, p2::bindings::ProxyPre as P2Pre, p3::bindings::ServicePre as P3Pre};

use super::state::{GuestState, variables};
use crate::{
    error_line::one_line,
    load::{P2_HANDLER, P3_HANDLER},
};

/// Interfaces that a component may import.
const SUPPORTED_INTERFACES: &str = "wasi:cli, clocks, filesystem (empty), http, io, random and sockets (closed) of WASI 0.2 and 0.3, \
                                    fermyon:spin/variables@2.0.0";

/// Links a component with what this host has.
///
/// # Errors
/// One line: what the component exports or imports, and what this host supports.
pub(super) fn link(component: &Component) -> Result<ProxyPre<GuestState>, String> {
    let engine = component.engine();
    let component_type = component.component_type();
    let imports = || join(component_type.imports(engine).map(|(name, _)| name));
    let exports: Vec<&str> = component_type.exports(engine).map(|(name, _)| name).collect();
    let exports_interface = |interface: &str| exports.iter().any(|name| name.starts_with(interface));
    let is_p3 = exports_interface(P3_HANDLER);
    if !is_p3 && !exports_interface(P2_HANDLER) {
        return Err(format!(
            "cannot serve this component: it exports neither wasi:http/handler@0.3 nor wasi:http/incoming-handler@0.2 but {}; \
             it imports {}; this host supports {SUPPORTED_INTERFACES}",
            join(exports.into_iter()),
            imports()
        ));
    }
    let refuse = |error: wasmtime::Error| {
        format!(
            "cannot serve this component: {}; it imports {}; this host supports {SUPPORTED_INTERFACES}",
            one_line(&error),
            imports()
        )
    };
    let linker = linker(engine).map_err(|error| error.to_string())?;
    let pre = linker.instantiate_pre(component).map_err(refuse)?;
    if is_p3 { P3Pre::new(pre).map(ProxyPre::P3) } else { P2Pre::new(pre).map(ProxyPre::P2) }.map_err(refuse)
}

fn linker(engine: &Engine) -> Result<Linker<GuestState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    if engine.get_concurrency_support() {
        wasmtime_wasi::p3::add_to_linker(&mut linker)?;
        wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    }
    variables::add_to_linker::<_, HasSelf<GuestState>>(&mut linker, |state| state)?;
    Ok(linker)
}

fn join<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
