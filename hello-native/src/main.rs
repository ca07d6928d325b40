//! The native program: `hello-server` with the routes of `hello` as its handler, linked statically.

use std::{convert::Infallible, future::ready, process::ExitCode, time::Duration};

use clap::Parser;
use hello::{Platform, Sleep, router};
use hello_server::{Config, ProgramInfo, Scheduling, Workload};

/// The system's allocator takes more instructions per request.
#[global_allocator]
static ALLOCATOR: hello_server::Allocator = hello_server::Allocator;

/// Settings of hello-host, which have no effect here: one set of variables fits every runtime.
const SETTINGS_OF_HOST: &[&str] = &[
    "HELLO_ALLOWED_OUTBOUND_HOSTS",
    "HELLO_IDLE_INSTANCE_TIMEOUT",
    "HELLO_MAX_INSTANCES",
    "HELLO_MAX_INSTANCE_REUSE_COUNT",
    "HELLO_MAX_MEMORY_SIZE",
    "HELLO_MAX_TOTAL_MEMORY_SIZE",
    "HELLO_PASS_ENV",
];

/// Serves the hello service natively.
#[derive(Parser)]
#[command(name = "hello-native", version = hello::VERSION, after_help = hello_server::TRACES_HELP)]
struct Cli {
    #[command(flatten)]
    server: Config,

    /// The greeting
    #[arg(long, env = "HELLO_MESSAGE", default_value = hello::DEFAULT_MESSAGE, help_heading = "Service")]
    message: String,

    /// Colour of the page: a CSS name or #rrggbb
    #[arg(long, env = "HELLO_COLOR", default_value = hello::DEFAULT_COLOR, value_parser = hello_server::color, help_heading = "Service")]
    color: String,
}

fn main() -> ExitCode {
    let cli: Cli = match hello_server::parse(SETTINGS_OF_HOST) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let info = ProgramInfo {
        name: "hello-native",
        version: hello::VERSION,
        commit: hello::COMMIT,
        scheduling: Scheduling::WorkStealing,
        settings_of_others: SETTINGS_OF_HOST,
    };
    let platform = Native { message: cli.message, color: cli.color };
    let workload = Workload {
        runtime: platform.runtime(),
        component: None,
        handler: router(platform),
        // No work is left after a response.
        idle: Box::pin(ready(())),
    };
    hello_server::run(cli.server, &info, async { Ok::<_, Infallible>(workload) })
}

struct Native {
    message: String,
    color: String,
}

impl Platform for Native {
    fn runtime(&self) -> &'static str {
        "native"
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }

    fn hostname(&self) -> Option<String> {
        gethostname::gethostname().into_string().ok()
    }

    fn message(&self) -> Option<String> {
        Some(self.message.clone())
    }

    fn color(&self) -> Option<String> {
        Some(self.color.clone())
    }
}
