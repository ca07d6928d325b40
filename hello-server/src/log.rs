//! Log lines on standard error: JSON objects for machines, text on a terminal. What is logged can be changed on the admin port.

use std::{
    io::{self, IsTerminal},
    sync::OnceLock,
    thread,
};

use tracing_subscriber::{
    Layer, Registry, filter::Targets, layer::SubscriberExt, registry, reload, util::SubscriberInitExt,
};

use crate::{
    Config, LogFormat,
    lines::{self, Lines},
};

static FILTER: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();

/// Starts logging, for the whole process. A panic becomes one line, too.
///
/// # Errors
/// Where there is no thread to be had.
pub(crate) fn start(config: &Config) -> io::Result<()> {
    let terminal = io::stderr().is_terminal();
    let format = config.log_format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json });
    let writer = Lines::start()?;
    let layer = tracing_subscriber::fmt::layer().with_writer(move || writer).with_ansi(terminal);
    let layer = match format {
        LogFormat::Json => layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
        LogFormat::Text => layer.compact().boxed(),
    };
    let (filter, handle) = reload::Layer::new(config.log.clone());
    registry().with(layer.with_filter(filter)).init();
    FILTER.set(handle).expect("logging starts once");
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic: {}", panic.payload_as_str().unwrap_or("no message"));
        // That of the main thread ends the process.
        if thread::current().name() == Some("main") {
            lines::flush();
        }
    }));
    Ok(())
}

/// What is logged now, as `HELLO_LOG` takes it.
pub(crate) fn filter() -> String {
    FILTER.get().and_then(reload::Handle::clone_current).map(|filter| filter.to_string()).unwrap_or_default()
}

/// Logs by another filter from now on.
pub(crate) fn set_filter(filter: Targets) {
    if let Some(handle) = FILTER.get() {
        handle.reload(filter).expect("the log lasts as long as the process");
    }
}
