//! Instances of the component: how they are created and reused, what each may use, and how one handles a request.

mod call;
mod config;
mod limiter;
mod linker;
mod outbound;
mod pool;
mod response_body;
mod state;
mod stdio;
mod template;

pub(crate) use call::{GuestCall, HandlerResult};
pub(crate) use config::GuestConfig;
pub(crate) use pool::InstancePool;
pub(crate) use response_body::{Guest, GuestBody, without_guest};
pub(crate) use template::GuestTemplate;
