//! Differences between the runtimes of the handler.

use std::{borrow::Cow, pin::Pin, time::Duration};

/// Default of the greeting.
pub const DEFAULT_MESSAGE: &str = "Hello from Rust in Kubernetes!";

/// Default of the colour of the page.
pub const DEFAULT_COLOR: &str = "#326ce5";

/// Boxed future of a sleep.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The runtime of the handler, and its settings. Routes call these methods only when they need the value: in a component each one is a call
/// of the host.
pub trait Platform: Send + Sync + 'static {
    /// `native`, `wasi-0.2` or `wasi-0.3`.
    fn runtime(&self) -> &'static str;

    /// Waits, by the platform's clock.
    fn sleep(&self, duration: Duration) -> Sleep;

    /// The host of a component, such as `hello-host/1.2.3`, if it is known.
    fn wasi_host(&self) -> Option<String> {
        None
    }

    /// The name of the machine or pod, if it is known.
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

    /// The text of the greeting: [`Platform::message`], or the default.
    fn greeting(&self) -> Cow<'static, str> {
        self.message().filter(|text| !text.is_empty()).map_or(DEFAULT_MESSAGE.into(), Cow::Owned)
    }
}
