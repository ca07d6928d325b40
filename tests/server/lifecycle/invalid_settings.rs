//! Flags and variables that are rejected, and the help that lists them.

use std::process::Command;

use tests::{dist_file, host_command, native_command, run_to_exit, with_flags};

use crate::assert_one_line_error;

const FLAGS: [(&[&str], &[&str]); 9] = [
    (&["--listen", "here"], &["'here'", "--listen (HELLO_LISTEN)", "127.0.0.1:8080"]),
    (&["--max-connections", "0"], &["'0'", "--max-connections (HELLO_MAX_CONNECTIONS)", "1 to 1000000"]),
    (&["--max-in-flight", "many"], &["'many'", "--max-in-flight (HELLO_MAX_IN_FLIGHT)", "1 to 1000000"]),
    (&["--request-timeout", "0s"], &["'0s'", "--request-timeout (HELLO_REQUEST_TIMEOUT)", "1ms to 1h"]),
    (&["--body-limit", "big"], &["'big'", "--body-limit (HELLO_BODY_LIMIT)", "0 to 1TiB"]),
    (&["--log", "loud"], &["'loud'", "--log (HELLO_LOG)", "debug"]),
    (&["--log-format", "xml"], &["'xml'", "--log-format (HELLO_LOG_FORMAT)", "json, text"]),
    (&["--colour", "red"], &["--colour", "--help"]),
    (&["--drain-delay"], &["--drain-delay", "--help"]),
];

const VARIABLES: [(&str, &str, &[&str]); 3] = [
    ("HELLO_DRAIN_TIMEOUT", "soon", &["'soon'", "--drain-timeout (HELLO_DRAIN_TIMEOUT)", "0s to 1h"]),
    ("HELLO_HEADER_TIMEOUT", "", &["''", "--header-timeout (HELLO_HEADER_TIMEOUT)", "1ms to 1h"]),
    ("HELLO_MAX_CONECTIONS", "10", &["HELLO_MAX_CONECTIONS", "--help"]),
];

fn assert_rejects_invalid_settings(command: fn() -> Command) {
    for (flags, parts) in FLAGS {
        assert_one_line_error(&run_to_exit(with_flags(command(), flags)), 64, parts);
    }
    for (name, value, parts) in VARIABLES {
        let mut command = command();
        command.env(name, value);
        assert_one_line_error(&run_to_exit(command), 64, parts);
    }
}

#[test]
fn native_rejects_an_invalid_setting_in_one_line() {
    assert_rejects_invalid_settings(native_command);
    let invalid_color = run_to_exit(with_flags(native_command(), &["--color", "url(x)"]));
    assert_one_line_error(&invalid_color, 64, &["'url(x)'", "--color (HELLO_COLOR)", "#rrggbb"]);
}

#[test]
fn host_rejects_an_invalid_setting_in_one_line() {
    let host = || host_command("hello-wasi-0.3.wasm");
    assert_rejects_invalid_settings(host);
    let unknown = run_to_exit(with_flags(host(), &["--colour", "red"]));
    assert_one_line_error(&unknown, 64, &["hello-host: ", "serve --help lists the settings"]);
    let empty_name = run_to_exit(with_flags(host(), &["--pass-env", "PATH,,HOME"]));
    assert_one_line_error(&empty_name, 64, &["--pass-env (HELLO_PASS_ENV)", "expected names of variables"]);
}

#[test]
fn host_without_a_command_prints_its_usage() {
    let no_command = run_to_exit(Command::new(dist_file("hello-host")));
    assert_eq!(no_command.code, Some(64));
    assert!(no_command.stderr.contains("Usage: hello-host <COMMAND>"), "{}", no_command.stderr);
}

fn assert_help_lists_the_settings(command: Command) {
    let help = run_to_exit(command);
    assert_eq!(help.code, Some(0));
    for setting in [
        "HELLO_LISTEN",
        "HELLO_ADMIN_LISTEN",
        "HELLO_MAX_CONNECTIONS",
        "HELLO_MAX_IN_FLIGHT",
        "HELLO_REQUEST_TIMEOUT",
        "HELLO_HEADER_TIMEOUT",
        "HELLO_BODY_LIMIT",
        "HELLO_DRAIN_DELAY",
        "HELLO_DRAIN_TIMEOUT",
        "HELLO_LOG",
        "HELLO_LOG_FORMAT",
        "HELLO_MESSAGE",
        "HELLO_COLOR",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    ] {
        assert!(help.stdout.contains(setting), "no {setting} in {}", help.stdout);
    }
}

#[test]
fn help_of_native_lists_the_settings() {
    assert_help_lists_the_settings(with_flags(native_command(), &["--help"]));
}

#[test]
fn help_of_the_host_lists_the_settings() {
    assert_help_lists_the_settings(with_flags(Command::new(dist_file("hello-host")), &["serve", "--help"]));
}
