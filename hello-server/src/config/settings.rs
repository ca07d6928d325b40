//! Settings of the server. Every setting is a flag and an environment variable; the flag has priority.

use std::{net::SocketAddr, time::Duration};

use clap::{Args, ValueEnum, builder::NonEmptyStringValueParser};
use tracing_subscriber::filter::Targets;

use super::values::{address, count, delay, log_filter, ratio, size, timeout};

/// Settings of the server around a handler.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Server")]
pub struct Config {
    /// Address of the service; port 0 chooses a free port, and [::] accepts IPv4, too
    #[arg(long, env = "HELLO_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:8080", value_parser = address)]
    pub listen: SocketAddr,

    /// Address of /livez, /readyz, /readyz/disable, /readyz/enable, /log and /metrics; must not be reachable from outside the cluster
    #[arg(long, env = "HELLO_ADMIN_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:9090", value_parser = address)]
    pub admin_listen: SocketAddr,

    /// Limit on connections, 1 to 1000000; more wait to be accepted
    #[arg(long, env = "HELLO_MAX_CONNECTIONS", value_name = "COUNT", default_value = "10000", value_parser = count)]
    pub max_connections: u32,

    /// Limit on the memory of all connections together, such as 64MiB; by default a quarter of the container's memory limit. At the limit
    /// new connections wait, and connections that need more than others are closed
    #[arg(long, env = "HELLO_MAX_CONNECTION_MEMORY", value_name = "SIZE", value_parser = size)]
    pub max_connection_memory: Option<u64>,

    /// Age at which a connection is asked to close after a response, 0s to 1h, so that clients spread over new pods; 0s disables it
    #[arg(long, env = "HELLO_MAX_CONNECTION_AGE", value_name = "TIME", default_value = "0s", value_parser = delay)]
    pub max_connection_age: Duration,

    /// Limit on requests in flight, 1 to 1000000; more get 503 with Retry-After
    #[arg(long, env = "HELLO_MAX_IN_FLIGHT", value_name = "COUNT", default_value = "512", value_parser = count)]
    pub max_in_flight: u32,

    /// Timeout until the response starts (then 504), and the longest it may stall (then the connection is closed); 1ms to 1h
    #[arg(long, env = "HELLO_REQUEST_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = timeout)]
    pub request_timeout: Duration,

    /// Timeout for the headers of a request, from their first byte, 1ms to 1h; then the connection is closed
    #[arg(long, env = "HELLO_HEADER_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = timeout)]
    pub header_timeout: Duration,

    /// Time after which a connection without a request is closed, 1ms to 1h. Longer than the 60s of most load balancers, so that they
    /// close first, and do not send a request to a connection that is being closed
    #[arg(long, env = "HELLO_IDLE_TIMEOUT", value_name = "TIME", default_value = "75s", value_parser = timeout)]
    pub idle_timeout: Duration,

    /// Limit on the body of a request, such as 64KiB or 10MiB; a larger one gets 413
    #[arg(long, env = "HELLO_BODY_LIMIT", value_name = "SIZE", default_value = "10MiB", value_parser = size)]
    pub body_limit: u64,

    /// Time from SIGTERM, when readiness becomes 503, until connections are no longer accepted, 0s to 1h
    #[arg(long, env = "HELLO_DRAIN_DELAY", value_name = "TIME", default_value = "5s", value_parser = delay)]
    pub drain_delay: Duration,

    /// Time after that in which requests in flight may complete, 0s to 1h; then they are aborted
    #[arg(long, env = "HELLO_DRAIN_TIMEOUT", value_name = "TIME", default_value = "20s", value_parser = delay)]
    pub drain_timeout: Duration,

    /// Filter of the log: a level, or levels by target, such as `warn,guest=info`; PUT /log on the admin port replaces it
    #[arg(long, env = "HELLO_LOG", value_name = "FILTER", default_value = "info", value_parser = log_filter)]
    pub log: Targets,

    /// Fraction of requests to log, 0 to 1; those with a 5xx are always logged, except with `access=off`
    #[arg(long, env = "HELLO_ACCESS_LOG", value_name = "RATIO", default_value = "0", value_parser = ratio)]
    pub access_log: f64,

    /// Format of log lines; by default text on a terminal, and json otherwise
    #[arg(long, env = "HELLO_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,

    /// Commit in the metric `build_info`; by default the one that the program was built from, if it is known
    #[arg(long, env = "HELLO_COMMIT", value_name = "COMMIT", value_parser = NonEmptyStringValueParser::new())]
    pub commit: Option<String>,
}

impl Config {
    /// Age at which a connection is asked to close, unless that is disabled.
    pub(crate) fn connection_age(&self) -> Option<Duration> {
        Some(self.max_connection_age).filter(|age| !age.is_zero())
    }
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line
    Json,
    /// Text for people
    Text,
}
