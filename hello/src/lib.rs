//! The handler: every route of the service, and nothing that knows a socket.
//!
//! A request reaches [`router`] after a shell has accepted it: `hello-server` in the native binary, or a WASI HTTP host
//! around one of the components in `hello-wasm/`. What differs between those worlds comes in through [`Platform`].

mod accept;
mod page;
mod problem;
mod routes;

use std::{pin::Pin, sync::Arc, time::Duration};

use axum::{
    Router,
    routing::{MethodRouter, any, get},
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

/// The version of the service, such as `1.2.3`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A wait.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where the handler runs and what it is told there. A route asks when it wants to know: in a component every question is a call of
/// the host.
pub trait Platform: Send + Sync + 'static {
    /// `native`, `wasi-0.2` or `wasi-0.3`.
    fn runtime(&self) -> &'static str;

    /// Waits on whatever clock the platform has.
    fn sleep(&self, duration: Duration) -> Sleep;

    /// The program around the component, such as `hello-host/1.2.3`, where it gives its name.
    fn wasi_host(&self) -> Option<String> {
        None
    }

    /// The name of the machine or pod, where it can be known.
    fn hostname(&self) -> Option<String> {
        None
    }

    /// The text of the greeting; [`DEFAULT_MESSAGE`] if `None` or empty.
    fn message(&self) -> Option<String> {
        None
    }

    /// A CSS colour name or `#rrggbb` for the page; [`DEFAULT_COLOR`] if `None` or another text.
    fn color(&self) -> Option<String> {
        None
    }
}

type Route = fn() -> MethodRouter<routes::Hello>;

const ROUTES: &[(&str, Route)] = &[
    ("/", || get(routes::home)),
    ("/info", || get(routes::info)),
    ("/healthz", || get(routes::healthz)),
    ("/echo", || any(routes::echo)),
    ("/headers", || get(routes::headers)),
    ("/status/{code}", || get(routes::status)),
    ("/delay/{seconds}", || get(routes::delay)),
    ("/openapi.json", || get(routes::openapi)),
];

/// Builds the service. Build it once and clone it: cloning is cheap, building is not.
pub fn router(platform: impl Platform) -> Router {
    build(platform, |_| true)
}

/// Builds the service for requests to one path only, with the routes that begin as it does: for where a router lives no longer than
/// a request, and would be built for more than the request costs.
pub fn router_for(path: &str, platform: impl Platform) -> Router {
    build(platform, |route| first_segment(route) == first_segment(path))
}

fn build(platform: impl Platform, is_wanted: impl Fn(&str) -> bool) -> Router {
    let wanted = ROUTES.iter().filter(|(path, _)| is_wanted(path));
    wanted
        .fold(Router::new(), |router, (path, route)| router.route(path, route()))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .with_state(Arc::new(routes::App::new(platform)))
}

fn first_segment(path: &str) -> Option<&str> {
    path.split('/').nth(1)
}
