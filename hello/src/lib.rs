//! The handler: every route of the service, and nothing that knows a socket.
//!
//! A request reaches [`router`] after a shell has accepted it: `hello-server` in the native binary, or a WASI HTTP host
//! around one of the components in `hello-wasm/`. What differs between those worlds comes in through [`Platform`].

mod accept;
mod page;
mod problem;
mod routes;

pub use page::parse_color;

use std::{pin::Pin, sync::Arc, time::Duration};

use axum::{
    Router,
    routing::{any, get},
};

/// The message when none is set.
pub const DEFAULT_MESSAGE: &str = "Hello from Rust in Kubernetes!";

/// The page's colour when none is set.
pub const DEFAULT_COLOR: &str = "#326ce5";

/// The source revision this handler was built from, where `HELLO_COMMIT` was set then.
pub const COMMIT: &str = match option_env!("HELLO_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// The version of this handler, as semantic versioning has it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Waits for a duration on whatever clock the platform has. It must be `Send`, as axum's handlers are.
pub type Sleep = fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where the handler runs and what it is told there.
pub struct Platform {
    /// `native`, `wasi-0.2` or `wasi-0.3`.
    pub runtime: &'static str,
    /// The program around the component, such as `hello-host/0.1.0`, where it gives its name.
    pub wasi_host: Option<String>,
    /// The name of the machine or pod, where it can be known.
    pub hostname: Option<String>,
    /// The text of the greeting; [`DEFAULT_MESSAGE`] where `None`.
    pub message: Option<String>,
    /// A CSS colour name or `#rrggbb` for the page; [`DEFAULT_COLOR`] where `None`.
    pub color: Option<String>,
    /// How `/delay` waits.
    pub sleep: Sleep,
}

/// Builds the service. Build it once and clone it: cloning is cheap, building is not.
pub fn router(platform: Platform) -> Router {
    Router::new()
        .route("/", get(routes::home))
        .route("/info", get(routes::info))
        .route("/healthz", get(routes::healthz))
        .route("/echo", any(routes::echo))
        .route("/headers", get(routes::headers))
        .route("/status/{code}", get(routes::status))
        .route("/delay/{seconds}", get(routes::delay))
        .route("/openapi.json", get(routes::openapi))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .with_state(Arc::new(routes::App::new(platform)))
}
