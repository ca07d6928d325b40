//! Parsers of values of settings. Their errors are the allowed values.

use std::{
    fmt::Display,
    net::{Ipv4Addr, SocketAddr},
    ops::RangeInclusive,
    str::FromStr,
    time::Duration,
};

use tracing_subscriber::filter::{LevelFilter, Targets};

/// Parses an address and a port. `localhost` is the only name: a resolver would be a fifteenth of the static binary.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let found = match text.strip_prefix("localhost:") {
        Some(port) => port.parse().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))).ok(),
        None => text.parse().ok(),
    };
    found.ok_or_else(|| "expected an address and a port, such as 127.0.0.1:8080 or [::]:8080".to_owned())
}

/// Parses a whole number from 1 to 1,000,000.
///
/// # Errors
/// The allowed values.
pub fn count(text: &str) -> Result<u32, String> {
    within(text.parse(), 1..=1_000_000, "expected a whole number from 1 to 1000000")
}

/// Parses a time from 1 ms to 1 h, such as `500ms`, `10s` or `2m`.
///
/// # Errors
/// The allowed values.
pub fn timeout(text: &str) -> Result<Duration, String> {
    let range = Duration::from_millis(1)..=Duration::from_hours(1);
    within(humantime::parse_duration(text), range, "expected a time from 1ms to 1h, such as 500ms, 10s or 2m")
}

/// Parses a time from 0 s to 1 h.
pub(super) fn delay(text: &str) -> Result<Duration, String> {
    let range = Duration::ZERO..=Duration::from_hours(1);
    within(humantime::parse_duration(text), range, "expected a time from 0s to 1h, such as 500ms, 10s or 2m")
}

/// Parses a number of bytes from 0 to 1 TiB, such as `512`, `64KiB` or `10MiB`.
///
/// # Errors
/// The allowed values.
pub fn size(text: &str) -> Result<u64, String> {
    let bytes = bytesize::ByteSize::from_str(text).map(|size| size.as_u64());
    within(bytes, 0..=1 << 40, "expected a number of bytes from 0 to 1TiB, such as 64KiB or 10MiB")
}

/// Parses a colour of a page: a CSS colour name, `#` with 3, 4, 6 or 8 hexadecimal digits, or an empty text, which means the default.
///
/// # Errors
/// The allowed values.
pub fn color(text: &str) -> Result<String, String> {
    let is_color = match text.strip_prefix('#') {
        Some(digits) => matches!(digits.len(), 3 | 4 | 6 | 8) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => text.bytes().all(|byte| byte.is_ascii_alphabetic()),
    };
    if is_color { Ok(text.to_owned()) } else { Err("expected a CSS colour name or #rrggbb".to_owned()) }
}

/// Parses a fraction from 0 to 1.
pub(super) fn ratio(text: &str) -> Result<f64, String> {
    within(text.parse(), 0.0..=1.0, "expected a number from 0 to 1, such as 0.01 for 1 %")
}

/// Parses a filter of the log.
pub(crate) fn log_filter(text: &str) -> Result<Targets, String> {
    let expected = || "expected off, error, warn, info or debug, alone or by target as in info,access=debug".to_owned();
    Targets::from_str(text).map_err(|_| expected()).and_then(|targets| {
        // tracing reads a misspelt level, or an empty part, as the name of a target, which disables all other targets.
        let is_level = |level: &str| level.trim().parse::<LevelFilter>().is_ok() && !level.trim().is_empty();
        let is_directive = |part: &str| match part.split_once('=') {
            Some((target, level)) => !target.trim().is_empty() && is_level(level),
            None => is_level(part),
        };
        if text.split(',').all(is_directive) { Ok(targets) } else { Err(expected()) }
    })
}

/// Returns a value that is within a range, or the allowed values as the error.
fn within<T: PartialOrd, E: Display>(
    value: Result<T, E>,
    range: RangeInclusive<T>,
    expected: &str,
) -> Result<T, String> {
    value.ok().filter(|value| range.contains(value)).ok_or_else(|| expected.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn formatted_values_are_parsed_back(number in 1..=1_000_000_u32, millis in 1..=3_600_000_u64, bytes in 0..=1_u64 << 40) {
            prop_assert_eq!(count(&number.to_string()), Ok(number));
            let time = Duration::from_millis(millis);
            prop_assert_eq!(timeout(&humantime::format_duration(time).to_string()), Ok(time));
            prop_assert_eq!(size(&bytes.to_string()), Ok(bytes));
        }
    }

    #[test]
    fn bounds_are_inclusive() {
        assert_eq!(count("1"), Ok(1));
        assert_eq!(count("1000000"), Ok(1_000_000));
        assert!(["0", "1000001", "-1", "1.5", "", "many"].iter().all(|text| count(text).is_err()));

        assert_eq!(timeout("1ms"), Ok(Duration::from_millis(1)));
        assert_eq!(timeout("1h"), Ok(Duration::from_hours(1)));
        assert!(["0s", "61m", "-1s", "10", "", "soon"].iter().all(|text| timeout(text).is_err()));

        assert_eq!(delay("0s"), Ok(Duration::ZERO));
        assert!(delay("2h").is_err());

        assert_eq!(ratio("0.01"), Ok(0.01));
        assert!(["1.1", "-0.1", "NaN", "", "all"].iter().all(|text| ratio(text).is_err()));

        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("0"), Ok(0));
        assert!(["2TiB", "-1", "", "big"].iter().all(|text| size(text).is_err()));
    }

    #[test]
    fn localhost_is_the_only_name() {
        assert_eq!(address("[::]:8080"), Ok("[::]:8080".parse().unwrap()));
        assert!(address("localhost:80").is_ok());
        assert!(
            ["8080", "127.0.0.1", "127.0.0.1:99999", "example.org:80", ""].iter().all(|text| address(text).is_err())
        );
    }

    #[test]
    fn misspelt_level_is_rejected() {
        assert!(log_filter("info").is_ok());
        assert!(log_filter("warn,access=debug").is_ok());
        assert!(["inof", "info,acces", "info,access=loud"].iter().all(|text| log_filter(text).is_err()));
    }

    #[test]
    fn empty_part_of_a_filter_is_rejected() {
        assert!(
            ["", " ", ",", "info,", ",info", "info,,", "=info", "access="].iter().all(|text| log_filter(text).is_err())
        );
    }
}
