//! Requests: the layers around the handler, and what a request and its response carry.

mod activity;
mod exchange;
mod handler;
mod host_check;
mod http2_body;
mod permit;
mod pipeline;
mod problem;
mod request_body;
mod request_id;
mod response_body;
mod semantics;

pub(crate) use activity::{ConnectionActivity, StallTimeouts};
pub use handler::{Handler, ResponseBytes, Workload};
pub(crate) use http2_body::Http2Body;
pub(crate) use permit::requests_in_flight;
pub(crate) use pipeline::Pipeline;
pub use problem::{load_shedding, problem, timed_out};
pub use request_body::{RequestBody, RequestBodyError};
pub use semantics::may_have_content;
