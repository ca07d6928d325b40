//! The settings of the server: flags and environment, read once before anything else happens.

use std::{
    env,
    error::Error as _,
    fmt::Display,
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
    str::FromStr,
    time::Duration,
};

use clap::{
    Args, Parser, ValueEnum,
    builder::NonEmptyStringValueParser,
    error::{ContextKind, ContextValue, ErrorKind},
};
use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::trace;

/// The exit code for a bad setting: `EX_USAGE` of sysexits.h.
const EX_USAGE: u8 = 64;

/// What the server around a handler can be told. Every setting is a flag and an environment variable; the flag wins.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Server")]
pub struct Config {
    /// Where the service answers; port 0 picks a free one, and [::] takes IPv4, too
    #[arg(long, env = "HELLO_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:8080", value_parser = address)]
    pub listen: SocketAddr,

    /// Where /livez, /readyz, /readyz/disable, /readyz/enable, /log and /metrics answer; keep it inside the cluster
    #[arg(long, env = "HELLO_ADMIN_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:9090", value_parser = address)]
    pub admin_listen: SocketAddr,

    /// Connections held at once, 1 to 1000000; more wait to be accepted
    #[arg(long, env = "HELLO_MAX_CONNECTIONS", value_name = "COUNT", default_value = "10000", value_parser = count)]
    pub max_connections: u32,

    /// Memory of all connections together, such as 64MiB; a connection beyond it waits to be accepted, or is closed where it needs more
    /// than others; a quarter of what the container may use unless given
    #[arg(long, env = "HELLO_MAX_CONNECTION_MEMORY", value_name = "SIZE", value_parser = size)]
    pub max_connection_memory: Option<u64>,

    /// Age at which a connection is asked to close after an answer, 0s to 1h, so that callers spread over new pods; 0s is never
    #[arg(long, env = "HELLO_MAX_CONNECTION_AGE", value_name = "TIME", default_value = "0s", value_parser = delay)]
    pub max_connection_age: Duration,

    /// Requests worked on at once, 1 to 1000000; more get 503 with Retry-After
    #[arg(long, env = "HELLO_MAX_IN_FLIGHT", value_name = "COUNT", default_value = "512", value_parser = count)]
    pub max_in_flight: u32,

    /// Time for an answer to begin, 1ms to 1h, after which it is 504; and for a begun one to stand still, after which it is cut off
    #[arg(long, env = "HELLO_REQUEST_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = timeout)]
    pub request_timeout: Duration,

    /// Time for the headers of a request to arrive, from their first byte, 1ms to 1h; then the connection is closed
    #[arg(long, env = "HELLO_HEADER_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = timeout)]
    pub header_timeout: Duration,

    /// Time that a connection may have no request, 1ms to 1h; then it is closed. Longer than the 60s of most load balancers, so that these
    /// close first, and send no request to a connection that is being closed
    #[arg(long, env = "HELLO_IDLE_TIMEOUT", value_name = "TIME", default_value = "75s", value_parser = timeout)]
    pub idle_timeout: Duration,

    /// Largest request body, such as 64KiB or 10MiB; a larger one gets 413
    #[arg(long, env = "HELLO_BODY_LIMIT", value_name = "SIZE", default_value = "10MiB", value_parser = size)]
    pub body_limit: u64,

    /// Time from SIGTERM, when readiness turns to 503, to the last accepted connection, 0s to 1h
    #[arg(long, env = "HELLO_DRAIN_DELAY", value_name = "TIME", default_value = "5s", value_parser = delay)]
    pub drain_delay: Duration,

    /// Time for requests in flight to end after that, 0s to 1h; what is left then is cut off
    #[arg(long, env = "HELLO_DRAIN_TIMEOUT", value_name = "TIME", default_value = "20s", value_parser = delay)]
    pub drain_timeout: Duration,

    /// What is logged: a level, or levels by target, such as `warn,guest=info`; PUT /log on the admin port changes it
    #[arg(long, env = "HELLO_LOG", value_name = "FILTER", default_value = "info", value_parser = log_filter)]
    pub log: Targets,

    /// Which part of the requests gets a line in the log, 0 to 1; those that end with a 5xx always get one, unless `access=off`
    #[arg(long, env = "HELLO_ACCESS_LOG", value_name = "SHARE", default_value = "0", value_parser = share)]
    pub access_log: f64,

    /// How log lines look; json unless standard error is a terminal
    #[arg(long, env = "HELLO_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,

    /// The commit that the metric `build_info` names; by default the one that the program was built from, where it knows that
    #[arg(long, env = "HELLO_COMMIT", value_name = "COMMIT", value_parser = NonEmptyStringValueParser::new())]
    pub commit: Option<String>,
}

impl Config {
    /// The age at which a connection is asked to close, where there is one.
    pub(crate) fn connection_age(&self) -> Option<Duration> {
        Some(self.max_connection_age).filter(|age| !age.is_zero())
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For reading.
    Text,
}

/// Reads the settings of a program from its flags and its environment. On `--help` and `--version` it prints and gives code 0;
/// on a bad setting it prints one line that names the setting, the value and what is allowed, and gives code 64. Variables that begin
/// with `HELLO_` must be settings of this program or of others.
///
/// # Errors
/// The code that the process is to exit with.
pub fn parse<Cli: Parser>(settings_of_others: &[&str]) -> Result<Cli, ExitCode> {
    let mut command = Cli::command();
    command.build();
    let refuse = |reason: String| {
        eprintln!("{}: {}", command.get_name(), printable(&reason));
        ExitCode::from(EX_USAGE)
    };
    if let Some(unknown) = unknown_variable(&command, settings_of_others) {
        return Err(refuse(format!(
            "unknown setting {unknown} in the environment; {} lists the settings",
            help(&command)
        )));
    }
    let cli = Cli::try_parse().map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            print!("{error}");
            ExitCode::SUCCESS
        }
        // A program of several commands, without one.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            eprint!("{error}");
            ExitCode::from(EX_USAGE)
        }
        _ => refuse(one_line(&error, &command)),
    })?;
    trace::check_settings().map_err(refuse)?;
    Ok(cli)
}

/// The same with line breaks and whatever else moves a terminal escaped.
fn printable(text: &str) -> String {
    let escaped = |character: char| {
        if character.is_control() { character.escape_default().collect() } else { character.to_string() }
    };
    text.chars().map(escaped).collect()
}

/// A `HELLO_` variable that is no setting of this program, and thus most likely misspelt. Kubernetes itself sets some for a
/// Service of that name (`HELLO_SERVICE_HOST`, `HELLO_PORT_80_TCP_ADDR` …); those pass.
fn unknown_variable(command: &clap::Command, settings_of_others: &[&str]) -> Option<String> {
    let known = |name: &str| {
        settings_of_others.contains(&name) || arguments(command).any(|arg| arg.get_env() == Some(name.as_ref()))
    };
    let service_link = |name: &str| name.contains("_SERVICE_HOST") || name.contains("_PORT");
    env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .find(|name| name.starts_with("HELLO_") && !service_link(name) && !known(name))
}

/// What lists the settings: of the first command, where there are several.
fn help(command: &clap::Command) -> String {
    let words = command.get_subcommands().take(1).map(clap::Command::get_name).chain(["--help"]);
    words.collect::<Vec<_>>().join(" ")
}

/// The arguments of a program and its commands.
fn arguments(command: &clap::Command) -> impl Iterator<Item = &clap::Arg> {
    std::iter::once(command).chain(command.get_subcommands()).flat_map(clap::Command::get_arguments)
}

/// clap's errors take several lines and do not name the variable that a value came from.
fn one_line(error: &clap::Error, command: &clap::Command) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let allowed = match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(reason), _) => Some(reason.to_string()),
        (None, Some(ContextValue::Strings(values))) if !values.is_empty() => {
            Some(format!("expected {}", values.join(" or ")))
        }
        _ => None,
    };
    let (Some(argument), Some(value), Some(allowed)) =
        (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue), allowed)
    else {
        let message = error.to_string();
        let lines = message
            .lines()
            .map(str::trim)
            .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
        let message = lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
        return format!("{}; {} lists the settings", message.trim_start_matches("error: "), help(command));
    };
    let flag = argument.split([' ', '=']).next().unwrap_or(argument);
    let variable = arguments(command)
        .find(|arg| arg.get_long().is_some_and(|long| flag == format!("--{long}")))
        .and_then(|arg| arg.get_env()?.to_str());
    match variable {
        Some(variable) => format!("invalid value '{value}' for {flag} ({variable}): {allowed}"),
        None => format!("invalid value '{value}' for {flag}: {allowed}"),
    }
}

/// An address and a port. Of names only localhost: a resolver would be a fifteenth of the static binary.
fn address(text: &str) -> Result<SocketAddr, String> {
    let found = match text.strip_prefix("localhost:") {
        Some(port) => port.parse().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))).ok(),
        None => text.parse().ok(),
    };
    found.ok_or_else(|| "expected an address and a port, such as 127.0.0.1:8080 or [::]:8080".to_owned())
}

/// A whole number from 1 to 1,000,000.
///
/// # Errors
/// What is allowed, where the text is anything else.
pub fn count(text: &str) -> Result<u32, String> {
    within(text.parse(), 1..=1_000_000, "expected a whole number from 1 to 1000000")
}

/// A length of time from 1 ms to 1 h, such as `500ms`, `10s` or `2m`.
///
/// # Errors
/// What is allowed, where the text is anything else.
pub fn timeout(text: &str) -> Result<Duration, String> {
    let range = Duration::from_millis(1)..=Duration::from_hours(1);
    within(humantime::parse_duration(text), range, "expected a time from 1ms to 1h, such as 500ms, 10s or 2m")
}

fn delay(text: &str) -> Result<Duration, String> {
    let range = Duration::ZERO..=Duration::from_hours(1);
    within(humantime::parse_duration(text), range, "expected a time from 0s to 1h, such as 500ms, 10s or 2m")
}

/// A number of bytes from 0 to 1 TiB, such as `512`, `64KiB` or `10MiB`.
///
/// # Errors
/// What is allowed, where the text is anything else.
pub fn size(text: &str) -> Result<u64, String> {
    let bytes = bytesize::ByteSize::from_str(text).map(|size| size.as_u64());
    within(bytes, 0..=1 << 40, "expected a number of bytes from 0 to 1TiB, such as 64KiB or 10MiB")
}

/// A colour for a page: a CSS colour name, `#` with 3, 4, 6 or 8 hexadecimal digits, or nothing, which stands for the default.
///
/// # Errors
/// What is allowed, if the text is anything else.
pub fn color(text: &str) -> Result<String, String> {
    let is_color = match text.strip_prefix('#') {
        Some(digits) => matches!(digits.len(), 3 | 4 | 6 | 8) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => text.bytes().all(|byte| byte.is_ascii_alphabetic()),
    };
    if is_color { Ok(text.to_owned()) } else { Err("expected a CSS colour name or #rrggbb".to_owned()) }
}

fn share(text: &str) -> Result<f64, String> {
    within(text.parse(), 0.0..=1.0, "expected a number from 0 to 1, such as 0.01 for every hundredth")
}

pub(crate) fn log_filter(text: &str) -> Result<Targets, String> {
    let expected = || "expected off, error, warn, info or debug, alone or by target as in info,access=debug".to_owned();
    Targets::from_str(text).map_err(|_| expected()).and_then(|targets| {
        // A word that is not a level, or nothing, would be read as the name of a target, and would silence all others.
        let is_level = |level: &str| level.trim().parse::<LevelFilter>().is_ok() && !level.trim().is_empty();
        let is_directive = |part: &str| match part.split_once('=') {
            Some((target, level)) => !target.trim().is_empty() && is_level(level),
            None => is_level(part),
        };
        if text.split(',').all(is_directive) { Ok(targets) } else { Err(expected()) }
    })
}

fn within<T: PartialOrd, E: Display>(
    value: Result<T, E>,
    range: std::ops::RangeInclusive<T>,
    expected: &str,
) -> Result<T, String> {
    value.ok().filter(|value| range.contains(value)).ok_or_else(|| expected.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        server: Config,
    }

    /// What somebody could give for a setting: anything, or what looks like a number with a unit.
    fn text() -> impl Strategy<Value = String> {
        let anything = prop::collection::vec(any::<char>(), 0..20).prop_map(String::from_iter);
        prop_oneof![anything, "-?[0-9]{0,25}([.][0-9]*)? ?[A-Za-z]{0,4}", "[a-z,=:\\[\\]0-9]{0,20}"]
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_within_bounds(text in text()) {
            let longest = Duration::from_hours(1);
            prop_assert!(count(&text).ok().is_none_or(|count| (1..=1_000_000).contains(&count)));
            prop_assert!(timeout(&text).ok().is_none_or(|time| (Duration::from_millis(1)..=longest).contains(&time)));
            prop_assert!(delay(&text).ok().is_none_or(|time| time <= longest));
            prop_assert!(size(&text).ok().is_none_or(|bytes| bytes <= 1 << 40));
            prop_assert!(share(&text).ok().is_none_or(|share| (0.0..=1.0).contains(&share)));
        }

        #[test]
        fn what_is_written_is_read(number in 1..=1_000_000_u32, millis in 1..=3_600_000_u64, bytes in 0..=1_u64 << 40) {
            prop_assert_eq!(count(&number.to_string()), Ok(number));
            let time = Duration::from_millis(millis);
            prop_assert_eq!(timeout(&humantime::format_duration(time).to_string()), Ok(time));
            prop_assert_eq!(size(&bytes.to_string()), Ok(bytes));
        }

        #[test]
        fn what_is_refused_is_told_in_one_line(index in any::<prop::sample::Index>(), text in text()) {
            let command = Cli::command();
            let settings: Vec<_> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
            let setting = index.get(&settings);
            let parsed = Cli::try_parse_from(["test", &format!("--{setting}={text}")]);
            if let Err(error) = parsed {
                let line = printable(&one_line(&error, &command));
                prop_assert!(!line.contains(char::is_control), "{line:?}");
                prop_assert!(line.contains(setting), "{line}");
            }
        }
    }

    #[test]
    fn bounds_are_inclusive_and_kept() {
        assert_eq!(count("1"), Ok(1));
        assert_eq!(count("1000000"), Ok(1_000_000));
        assert!(["0", "1000001", "-1", "1.5", "", "many"].iter().all(|text| count(text).is_err()));

        assert_eq!(timeout("1ms"), Ok(Duration::from_millis(1)));
        assert_eq!(timeout("1h"), Ok(Duration::from_hours(1)));
        assert!(["0s", "61m", "-1s", "10", "", "soon"].iter().all(|text| timeout(text).is_err()));

        assert_eq!(delay("0s"), Ok(Duration::ZERO));
        assert!(delay("2h").is_err());

        assert_eq!(share("0.01"), Ok(0.01));
        assert!(["1.1", "-0.1", "NaN", "", "all"].iter().all(|text| share(text).is_err()));

        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("0"), Ok(0));
        assert!(["2TiB", "-1", "", "big"].iter().all(|text| size(text).is_err()));
    }

    #[test]
    fn addresses_may_be_names() {
        assert_eq!(address("[::]:8080"), Ok("[::]:8080".parse().unwrap()));
        assert!(address("localhost:80").is_ok());
        assert!(["8080", "127.0.0.1", "127.0.0.1:99999", ""].iter().all(|text| address(text).is_err()));
    }

    #[test]
    fn a_misspelt_level_is_refused() {
        assert!(log_filter("info").is_ok());
        assert!(log_filter("warn,access=debug").is_ok());
        assert!(["inof", "info,acces", "info,access=loud"].iter().all(|text| log_filter(text).is_err()));
    }

    #[test]
    fn an_empty_part_of_a_filter_is_refused() {
        assert!(
            ["", " ", ",", "info,", ",info", "info,,", "=info", "access="].iter().all(|text| log_filter(text).is_err())
        );
    }
}
