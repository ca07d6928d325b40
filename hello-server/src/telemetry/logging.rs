//! Log lines on standard error: JSON objects, or text on a terminal. The filter can be replaced while the process runs.

use std::{
    io::{self, IsTerminal},
    sync::OnceLock,
    thread,
};

use tracing_subscriber::{
    Layer, Registry, filter::Targets, layer::SubscriberExt, registry, reload, util::SubscriberInitExt,
};

use super::log_writer::{self, LogWriter};
use crate::config::{Config, LogFormat};

static FILTER: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();

/// Starts logging for the whole process. A panic becomes one line, too.
///
/// # Errors
/// The thread that writes the log could not be started.
pub(crate) fn start(config: &Config) -> io::Result<()> {
    let is_terminal = io::stderr().is_terminal();
    let format = config.log_format.unwrap_or(if is_terminal { LogFormat::Text } else { LogFormat::Json });
    let writer = LogWriter::start()?;
    let layer = tracing_subscriber::fmt::layer().with_writer(move || writer).with_ansi(is_terminal);
    let layer = match format {
        LogFormat::Json => layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
        LogFormat::Text => layer.compact().boxed(),
    };
    let (filter, handle) = reload::Layer::new(config.log.clone());
    registry().with(layer.with_filter(filter)).init();
    FILTER.set(handle).expect("logging starts once");
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(location, "panic: {}", panic.payload_as_str().unwrap_or("no message"));
        // A panic of the main thread ends the process.
        if thread::current().name() == Some("main") {
            log_writer::flush();
        }
    }));
    Ok(())
}

/// Returns the current filter, in the form of `HELLO_LOG`.
pub(crate) fn filter() -> String {
    FILTER.get().and_then(reload::Handle::clone_current).map(|filter| filter.to_string()).unwrap_or_default()
}

/// Replaces the filter.
pub(crate) fn set_filter(filter: Targets) {
    if let Some(handle) = FILTER.get() {
        handle.reload(filter).expect("the subscriber lives as long as the process");
    }
}
