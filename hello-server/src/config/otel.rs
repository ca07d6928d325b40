//! The `OTEL_` variables of OpenTelemetry, as far as this server supports them.

use std::env;

use http::{Uri, uri::Scheme};

/// Returns the variable that sets the endpoint, and its value; none if traces are disabled.
pub(crate) fn otlp_endpoint() -> Option<(&'static str, String)> {
    let off = [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")];
    if off.into_iter().any(|(name, off)| non_empty_variable(name).is_some_and(|is| is.eq_ignore_ascii_case(off))) {
        return None;
    }
    first_variable(["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"])
}

/// Returns the first of these variables that is set, and its value.
pub(crate) fn first_variable(names: [&'static str; 2]) -> Option<(&'static str, String)> {
    names.into_iter().find_map(|name| Some((name, non_empty_variable(name)?)))
}

/// Returns a variable that is set. OpenTelemetry treats an empty one as not set.
pub(crate) fn non_empty_variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Refuses values that OpenTelemetry allows and this server does not support.
///
/// # Errors
/// One line: the variable, its value, and what is allowed.
pub(super) fn check_otel() -> Result<(), String> {
    let Some((variable, endpoint)) = otlp_endpoint() else { return Ok(()) };
    // It would not be sent, but logged.
    if endpoint.contains('@') {
        return Err(format!("{variable} has a password in it; use OTEL_EXPORTER_OTLP_HEADERS for credentials"));
    }
    // TLS would be a third of the program. A collector in the cluster can do it where it forwards the spans.
    if !endpoint.parse::<Uri>().is_ok_and(|uri| uri.scheme() == Some(&Scheme::HTTP) && uri.host().is_some()) {
        return Err(format!(
            "invalid value '{endpoint}' for {variable}: expected the http:// address of a collector, such as http://collector:4318"
        ));
    }
    match first_variable(["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]) {
        Some((name, protocol)) if protocol != "http/protobuf" => {
            Err(format!("invalid value '{protocol}' for {name}: expected http/protobuf"))
        }
        _ => Ok(()),
    }
}
