//! The handler: every route of the service, and nothing that knows a socket.
//!
//! A request reaches [`router`] after a shell has accepted it: `hello-server` in the native binary, or a WASI HTTP host
//! around one of the components in `hello-wasm/`. What differs between those worlds comes in through [`Platform`].

mod build_info;
mod negotiation;
mod page;
mod platform;
mod problem;
mod routes;

use std::sync::Arc;

use axum::{
    Router,
    routing::{MethodRouter, any, get},
};

pub use build_info::{COMMIT, VERSION};
pub use platform::{DEFAULT_COLOR, DEFAULT_MESSAGE, Platform, Sleep};

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
