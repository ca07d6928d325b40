//! Settings of the guest: its environment, what it may reach, and its limits.

use std::{
    env::{self, VarError},
    time::Duration,
};

use hello_server::AllowedHost;

#[derive(clap::Args)]
#[command(next_help_heading = "Guest")]
#[allow(clippy::doc_markdown)] // These comments are the text of --help.
pub(crate) struct GuestConfig {
    /// Greeting, passed to the guest as HELLO_MESSAGE and as Spin variable `message`
    #[arg(long, env = "HELLO_MESSAGE")]
    pub(super) message: Option<String>,

    /// Colour of the page, passed to the guest as HELLO_COLOR and as Spin variable `color`
    #[arg(long, env = "HELLO_COLOR", value_parser = hello_server::color)]
    pub(super) color: Option<String>,

    /// Environment variable for the guest; can be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub(super) env: Vec<(String, String)>,

    /// Environment variables of the host to pass to the guest, if they are set; by default none
    #[arg(long, env = "HELLO_PASS_ENV", value_name = "NAME,…", value_delimiter = ',', value_parser = passed_variable)]
    pub(super) pass_env: Vec<PassedVariable>,

    /// Hosts that the guest may send HTTP requests to: host, host:port, https://host:port, or *.domain for its subdomains; by default
    /// none
    #[arg(long, env = "HELLO_ALLOWED_OUTBOUND_HOSTS", value_name = "HOST,…", value_delimiter = ',')]
    pub(super) allowed_outbound_hosts: Vec<AllowedHost>,

    /// Limit on the linear memory of an instance, such as 16MiB; at the limit the guest's allocation fails
    #[arg(long, env = "HELLO_MAX_MEMORY_SIZE", value_name = "SIZE", default_value = "64MiB", value_parser = hello_server::size)]
    pub(crate) max_memory_size: u64,

    /// Limit on the linear memory of all instances together; by default half of the container's memory limit. Requests that need more
    /// are rejected with 503
    #[arg(long, env = "HELLO_MAX_TOTAL_MEMORY_SIZE", value_name = "SIZE", value_parser = hello_server::size)]
    max_total_memory_size: Option<u64>,

    /// Limit on instances, 1 to 1000000, each of which handles one request at a time; more requests wait for one
    #[arg(long, env = "HELLO_MAX_INSTANCES", value_name = "COUNT", default_value = "128", value_parser = hello_server::count)]
    pub(crate) max_instances: u32,

    /// Requests that one instance handles before it is replaced, 1 to 1000000; only for WASI 0.3: a WASI 0.2 instance handles one
    #[arg(long, env = "HELLO_MAX_INSTANCE_REUSE_COUNT", value_name = "COUNT", default_value = "1000", value_parser = hello_server::count)]
    pub(super) max_instance_reuse_count: u32,

    /// Time that an idle instance is kept for reuse, 1ms to 1h
    #[arg(long, env = "HELLO_IDLE_INSTANCE_TIMEOUT", value_name = "TIME", default_value = "1s", value_parser = hello_server::timeout)]
    pub(super) idle_instance_timeout: Duration,
}

impl GuestConfig {
    /// Returns the limit on the memory of all instances. Its default is half of the container's memory: a quarter is for connections, and
    /// the rest for the host itself. Without a limit of the container there is none here.
    pub(super) fn max_total_memory(&self) -> u64 {
        self.max_total_memory_size
            .unwrap_or_else(|| hello_server::container_memory().map_or(u64::MAX, |memory| memory / 2))
    }

    /// Returns the environment of every instance. Of a name that occurs twice the last value counts.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let mut environment = Vec::new();
        for PassedVariable { name, value } in &self.pass_env {
            if let Some(value) = value {
                environment.push((name.clone(), value.clone()));
            } else {
                tracing::warn!(variable = name, "a variable to pass to the guest is not set");
            }
        }
        environment.extend(self.env.iter().cloned());
        environment.push(("WASI_HOST".into(), format!("hello-host/{}", crate::build_info::VERSION)));
        if let Ok(hostname) = gethostname::gethostname().into_string() {
            environment.push(("HOSTNAME".into(), hostname));
        }
        for (name, value) in [("HELLO_MESSAGE", &self.message), ("HELLO_COLOR", &self.color)] {
            environment.extend(value.clone().map(|value| (name.to_owned(), value)));
        }
        environment
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Variable of the host's environment. It may be unset: in Kubernetes it may come from an optional Secret.
#[derive(Clone)]
pub(super) struct PassedVariable {
    name: String,
    value: Option<String>,
}

fn passed_variable(name: &str) -> Result<PassedVariable, String> {
    let value = match env::var(name) {
        Ok(value) => Some(value),
        Err(VarError::NotPresent) if !name.is_empty() => None,
        Err(_) => return Err("expected names of variables whose values are UTF-8, separated by commas".to_owned()),
    };
    Ok(PassedVariable { name: name.to_owned(), value })
}
