//! What an instance of the component is given: settings, clocks, random numbers, output, HTTP; and how much of everything.

use std::{
    env::{self, VarError},
    mem,
    sync::Arc,
    time::Duration,
};

use http::HeaderValue;
use wasmtime::{
    Engine, PoolConcurrencyLimitError, ResourceLimiter, Result, Store,
    component::{Component, HasSelf, Linker, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    WasiHttpCtx, WasiHttpCtxView, WasiHttpView,
    handler::{Proxy, ProxyPre},
    p2::bindings::ProxyPre as P2Pre,
    p3::bindings::ServicePre as P3Pre,
};

use crate::{
    component::one_line,
    engine::{MAX_TABLE_ELEMENTS, P2_HANDLER, P3_HANDLER},
    metrics::METRICS,
    outbound::Outbound,
    output::{GuestOutput, OutputLimit},
    run::Failed,
};

/// Bytes that one call of a guest may make the host allocate.
const MAX_HOST_CALL_BYTES: usize = 32 << 20;

/// Handles of resources, streams and futures that an instance may hold.
const MAX_HANDLES: usize = 10_000;

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
use spin::fermyon::spin::variables;

/// What the guest is told and how much it may use.
#[derive(clap::Args)]
#[command(next_help_heading = "Guest")]
#[allow(clippy::doc_markdown)] // These comments are the text of --help.
pub(crate) struct GuestConfig {
    /// The greeting, given to the guest as HELLO_MESSAGE and as Spin variable `message`
    #[arg(long, env = "HELLO_MESSAGE")]
    message: Option<String>,

    /// The page's colour, given to the guest as HELLO_COLOR and as Spin variable `color`
    #[arg(long, env = "HELLO_COLOR", value_parser = hello_server::color)]
    color: Option<String>,

    /// An environment variable for the guest; may be given more than once
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,

    /// Environment variables of the host that the guest is given, too, if they are set; none unless given
    #[arg(long, env = "HELLO_PASS_ENV", value_name = "NAME,…", value_delimiter = ',', value_parser = passed_variable)]
    pass_env: Vec<PassedVariable>,

    /// Hosts that the guest may send HTTP requests to: host, host:port, https://host:port, or *.domain for its subdomains; none unless
    /// given
    #[arg(long, env = "HELLO_ALLOWED_OUTBOUND_HOSTS", value_name = "HOST,…", value_delimiter = ',')]
    allowed_outbound_hosts: Vec<hello_server::AllowedHost>,

    /// Linear memory of an instance, such as 16MiB; a guest that wants more is refused it
    #[arg(long, env = "HELLO_MAX_MEMORY_SIZE", value_name = "SIZE", default_value = "64MiB", value_parser = hello_server::size)]
    pub(crate) max_memory_size: u64,

    /// Linear memory of all instances together; half of what the container may use unless given
    #[arg(long, env = "HELLO_MAX_TOTAL_MEMORY_SIZE", value_name = "SIZE", value_parser = hello_server::size)]
    max_total_memory_size: Option<u64>,

    /// Instances at once, 1 to 1000000, each with one request; the next request waits for one
    #[arg(long, env = "HELLO_MAX_INSTANCES", value_name = "COUNT", default_value = "128", value_parser = hello_server::count)]
    pub(crate) max_instances: u32,

    /// Requests that one instance answers in its life, 1 to 1000000; for WASI 0.3 only: a WASI 0.2 instance answers one
    #[arg(long, env = "HELLO_MAX_INSTANCE_REUSE_COUNT", value_name = "COUNT", default_value = "1000", value_parser = hello_server::count)]
    pub(crate) max_instance_reuse_count: u32,

    /// Time that an idle instance is kept for reuse, 1ms to 1h
    #[arg(long, env = "HELLO_IDLE_INSTANCE_TIMEOUT", value_name = "TIME", default_value = "1s", value_parser = hello_server::timeout)]
    pub(crate) idle_instance_timeout: Duration,
}

/// Half of the memory that the container may use; a quarter is for connections, and the rest for the host's own. Without such a limit
/// all that there is.
fn share_of_container() -> u64 {
    hello_server::container_memory().map_or(u64::MAX, |memory| memory / 2)
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// A variable of the host. One that is not set is none of the guest's, either: in Kubernetes it may come from a Secret that is optional.
#[derive(Clone)]
struct PassedVariable {
    name: String,
    value: Option<String>,
}

fn passed_variable(name: &str) -> Result<PassedVariable, String> {
    let value = match env::var(name) {
        Ok(value) => Some(value),
        Err(VarError::NotPresent) if !name.is_empty() => None,
        Err(_) => return Err("expected names of variables whose values are UTF-8, between commas".to_owned()),
    };
    Ok(PassedVariable { name: name.to_owned(), value })
}

/// The component, checked and linked, from which instances are made.
pub(crate) struct Guest {
    engine: Engine,
    pre: ProxyPre<State>,
    environment: Arc<[(String, String)]>,
    outbound: Outbound,
    /// Bytes of all instances together.
    max_total_memory: u64,
    pub(crate) config: GuestConfig,
}

/// What an instance can reach, one for each.
pub(crate) struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    pub(crate) outbound: Outbound,
    environment: Arc<[(String, String)]>,
    limiter: Limiter,
    output: OutputLimit,
}

impl State {
    /// The instance begins with another request, which is a part of this trace.
    pub(crate) fn begin_request(&mut self, traceparent: Option<HeaderValue>) {
        self.outbound.traceparent = traceparent;
        self.output.begin_request();
    }
}

impl Guest {
    /// Links the component.
    ///
    /// # Errors
    /// One line: what the component imports or exports, and what it should.
    pub(crate) fn new(component: &Component, mut config: GuestConfig) -> Result<Self, String> {
        let linker = linker(component.engine()).map_err(|error| error.to_string())?;
        let pre = link(component, &linker)?;
        let mut environment = Vec::new();
        for PassedVariable { name, value } in mem::take(&mut config.pass_env) {
            if let Some(value) = value {
                environment.push((name, value));
            } else {
                tracing::warn!(variable = name, "a variable to pass to the guest is not set");
            }
        }
        environment.append(&mut config.env);
        environment.push(("WASI_HOST".into(), format!("hello-host/{}", crate::VERSION)));
        if let Ok(hostname) = gethostname::gethostname().into_string() {
            environment.push(("HOSTNAME".into(), hostname));
        }
        for (name, value) in [("HELLO_MESSAGE", &config.message), ("HELLO_COLOR", &config.color)] {
            environment.extend(value.clone().map(|value| (name.to_owned(), value)));
        }
        let outbound = Outbound { allowed: config.allowed_outbound_hosts.as_slice().into(), ..Outbound::default() };
        Ok(Guest {
            engine: component.engine().clone(),
            pre,
            environment: environment.into(),
            outbound,
            max_total_memory: config.max_total_memory_size.unwrap_or_else(share_of_container),
            config,
        })
    }

    /// `wasi-0.2` or `wasi-0.3`.
    pub(crate) fn runtime(&self) -> &'static str {
        match self.pre {
            ProxyPre::P2(_) => "wasi-0.2",
            ProxyPre::P3(_) => "wasi-0.3",
        }
    }

    /// Requests that one instance may answer in its life. A WASI 0.2 instance answers one: its SDK's executor keeps state that
    /// outlives a request.
    pub(crate) fn reuse_count(&self) -> usize {
        match self.pre {
            ProxyPre::P2(_) => 1,
            ProxyPre::P3(_) => self.config.max_instance_reuse_count as usize,
        }
    }

    /// A fresh instance, alone in its store.
    ///
    /// # Errors
    /// There is no memory for it, or it failed by itself.
    pub(crate) async fn instantiate(&self) -> Result<(Store<State>, Proxy), Failed> {
        let output = OutputLimit::default();
        let mut wasi = WasiCtx::builder();
        wasi.envs(&self.environment)
            .stdout(GuestOutput::new("stdout", &output))
            .stderr(GuestOutput::new("stderr", &output));
        let state = State {
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            outbound: self.outbound.clone(),
            environment: self.environment.clone(),
            limiter: Limiter::new(self.config.max_memory_size, self.max_total_memory),
            output,
        };
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(MAX_HOST_CALL_BYTES);
        store.set_max_component_handles(MAX_HANDLES);
        store.data_mut().table.set_max_capacity(MAX_HANDLES);
        // At every tick of the clock the guest lets others run; whether its own time is up is seen outside.
        store.epoch_deadline_async_yield_and_update(1);
        store.set_epoch_deadline(1);
        match self.pre.instantiate_async(&mut store).await {
            Ok(proxy) => {
                METRICS.instantiations.inc();
                Ok((store, proxy))
            }
            Err(error) if store.data().limiter.others_have_it || error.is::<PoolConcurrencyLimitError>() => {
                Err(Failed::NoRoom(error))
            }
            Err(error) => Err(Failed::Start(error)),
        }
    }
}

/// What a component may import; the host has it all.
const OFFERED: &str = "wasi:cli, clocks, filesystem (empty), http, io, random and sockets (closed) of WASI 0.2 and 0.3, \
                       fermyon:spin/variables@2.0.0";

fn link(component: &Component, linker: &Linker<State>) -> Result<ProxyPre<State>, String> {
    let engine = component.engine();
    let component_type = component.component_type();
    let imports = || names(component_type.imports(engine).map(|(name, _)| name));
    let exports: Vec<&str> = component_type.exports(engine).map(|(name, _)| name).collect();
    let exports_interface = |interface: &str| exports.iter().any(|name| name.starts_with(interface));
    let is_p3 = exports_interface(P3_HANDLER);
    if !is_p3 && !exports_interface(P2_HANDLER) {
        return Err(format!(
            "cannot serve this component: it exports neither wasi:http/handler@0.3 nor wasi:http/incoming-handler@0.2 but {}; \
             it imports {}; this host offers {OFFERED}",
            names(exports.into_iter()),
            imports()
        ));
    }
    let refuse = |error: wasmtime::Error| {
        format!(
            "cannot serve this component: {}; it imports {}; this host offers {OFFERED}",
            one_line(&error),
            imports()
        )
    };
    let pre = linker.instantiate_pre(component).map_err(refuse)?;
    if is_p3 { P3Pre::new(pre).map(ProxyPre::P3) } else { P2Pre::new(pre).map(ProxyPre::P2) }.map_err(refuse)
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// What all components that an engine is for can be linked with.
fn linker(engine: &Engine) -> Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    if engine.get_concurrency_support() {
        wasmtime_wasi::p3::add_to_linker(&mut linker)?;
        wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    }
    variables::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    Ok(linker)
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outbound, table: &mut self.table, ctx: &mut self.http }
    }
}

/// Spin's variables, from the same settings as the environment: `message` is `HELLO_MESSAGE`.
impl variables::Host for State {
    fn get(&mut self, name: String) -> Result<String, variables::Error> {
        let variable = format!("HELLO_{}", name.to_ascii_uppercase());
        let found = self.environment.iter().find(|(name, _)| *name == variable);
        found.map(|(_, value)| value.clone()).ok_or(variables::Error::Undefined(name))
    }
}

/// Holds the memories and tables of one instance to their limits, and keeps the gauges of all.
struct Limiter {
    max_memory: u64,
    max_total_memory: u64,
    memory: u64,
    /// What the last growth added, for when it fails after all.
    last_growth: u64,
    /// A guest may ask again and again; one line says it.
    refused: bool,
    /// Whether it was refused what all instances together had used up.
    others_have_it: bool,
}

impl Limiter {
    fn new(max_memory: u64, max_total_memory: u64) -> Self {
        METRICS.instances.inc();
        Limiter { max_memory, max_total_memory, memory: 0, last_growth: 0, refused: false, others_have_it: false }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        let growth = (desired - current) as u64;
        let limit = if self.memory + growth > self.max_memory {
            Some(("an instance", self.max_memory))
        } else {
            // Counted first: of two that want the last of it, both may be refused, but never both allowed.
            METRICS.memory.add(growth.cast_signed());
            let others_have_it = METRICS.memory.get().cast_unsigned() > self.max_total_memory;
            self.others_have_it |= others_have_it;
            others_have_it.then(|| {
                METRICS.memory.sub(growth.cast_signed());
                ("all instances", self.max_total_memory)
            })
        };
        self.last_growth = if limit.is_none() { growth } else { 0 };
        self.memory += self.last_growth;
        if let Some((of, limit)) = limit
            && !mem::replace(&mut self.refused, true)
        {
            tracing::warn!(desired = self.memory + growth, of, limit, "guest was refused memory");
        }
        Ok(limit.is_none())
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> Result<()> {
        let growth = std::mem::take(&mut self.last_growth);
        METRICS.memory.sub(growth.cast_signed());
        self.memory -= growth;
        Ok(())
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        METRICS.instances.dec();
        METRICS.memory.sub(self.memory.cast_signed());
    }
}
