//! What differs between the worlds that a handler runs in.

use std::{borrow::Cow, pin::Pin, time::Duration};

/// The message when none is set.
pub const DEFAULT_MESSAGE: &str = "Hello from Rust in Kubernetes!";

/// The page's colour when none is set.
pub const DEFAULT_COLOR: &str = "#326ce5";

/// The future of a sleep.
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

    /// The text of the greeting: [`Platform::message`], or the default.
    fn greeting(&self) -> Cow<'static, str> {
        self.message().filter(|text| !text.is_empty()).map_or(DEFAULT_MESSAGE.into(), Cow::Owned)
    }
}
