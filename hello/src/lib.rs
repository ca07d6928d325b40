//! The handler: every route of the service. It knows no sockets.
//!
//! Requests come to [`router`] from `hello-server` in the native program, and from a WASI HTTP host in the components of `hello-wasm/`.
//! [`Platform`] has what differs between them.

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

/// Creates the service. Create it once and clone it: a clone is cheap.
pub fn router(platform: impl Platform) -> Router {
    with_routes(platform, |_| true)
}

/// Creates the service for requests to one path: it has only the routes with the same first segment. For a platform that creates a router
/// for every request, where creating all routes would cost more than the request.
pub fn router_for(path: &str, platform: impl Platform) -> Router {
    with_routes(platform, |route| first_segment(route) == first_segment(path))
}

fn with_routes(platform: impl Platform, is_included: impl Fn(&str) -> bool) -> Router {
    let routes = ROUTES.iter().filter(|(path, _)| is_included(path));
    routes
        .fold(Router::new(), |router, (path, route)| router.route(path, route()))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .with_state(Arc::new(routes::App::new(platform)))
}

fn first_segment(path: &str) -> Option<&str> {
    path.split('/').nth(1)
}
