//! Settings of the service: each runtime accepts the same values, and so does the chart.

use std::process::Command;

use tests::{Server, host_command, run_to_exit, with_flags, workspace};

/// Colors, and whether they are valid.
const COLORS: [(&str, bool); 10] = [
    ("", true),
    ("teal", true),
    ("#fff", true),
    ("#326ce5", true),
    ("#326ce580", true),
    ("#ff", false),
    ("#32 6ce5", false),
    ("re-d", false),
    ("url(x)", false),
    ("red;", false),
];

/// Hosts for outbound requests, and whether they are valid.
const HOSTS: [(&str, bool); 15] = [
    ("api.example", true),
    ("api.example:8080", true),
    ("https://api.example", true),
    ("https://api.example:443/", true),
    ("http://my_api-1:80", true),
    ("*.example", true),
    ("https://*.example:443", true),
    (" 10.0.0.1:80 ", true),
    ("[::1]:8080", true),
    ("*", false),
    ("https://*:443", false),
    ("ftp://a", false),
    ("a b", false),
    ("user@a", false),
    ("https://a/b", false),
];

/// Starts a server with a setting of the environment. Returns its error if it rejects the value.
fn try_setting(mut command: Command, name: &str, value: &str) -> Result<(), String> {
    // The server ends at once: it binds its port after it has read all settings, and this address is not local.
    command.env(name, value).args(["--listen", "192.0.2.1:0", "--admin-listen", "127.0.0.1:0"]);
    let exit = run_to_exit(command);
    match exit.code {
        Some(1) if exit.stderr.contains("cannot listen on 192.0.2.1") => Ok(()),
        Some(64) => Err(exit.stderr),
        _ => panic!("{name}={value}: {exit:?}"),
    }
}

fn chart_accepts(key: &str, json: &str) -> bool {
    let mut helm = Command::new("helm");
    helm.current_dir(workspace()).args(["template", "hello", "chart", "--set-json", &format!("{key}={json}")]);
    run_to_exit(helm).succeeded()
}

/// Returns the same command once more.
fn copy(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args());
    copy
}

pub(crate) fn misspelt_setting_is_rejected(command: Command) {
    let error = try_setting(command, "HELLO_MAX_INSTANCE", "3").expect_err("the setting is unknown");
    assert!(error.contains("unknown setting HELLO_MAX_INSTANCE in the environment"), "{error}");
}

/// Sets every variable of the host's help to a value that is not its default.
pub(crate) fn settings_of_the_host_are_accepted(mut command: Command) {
    let help = run_to_exit(with_flags(host_command("hello-wasi-0.3.wasm"), &["--help"])).stdout;
    let names: Vec<_> = help.split("[env: ").skip(1).filter_map(|rest| rest.split(['=', ']']).next()).collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let value = match name {
            "HELLO_LISTEN" | "HELLO_ADMIN_LISTEN" | "HELLO_LOG" | "HELLO_LOG_FORMAT" | "HELLO_ACCESS_LOG" => continue,
            "HELLO_PASS_ENV" => "PATH",
            "HELLO_ALLOWED_OUTBOUND_HOSTS" => "https://api.example:443, *.example",
            "HELLO_COLOR" => "teal",
            name if name.contains("SIZE") || name.contains("LIMIT") || name.contains("MEMORY") => "64MiB",
            name if name.contains("TIME") || name.contains("DELAY") || name.contains("AGE") => "1s",
            _ => "100",
        };
        command.env(name, value);
    }
    let server = Server::start(with_flags(command, &["--log", "debug"]));
    assert_eq!(server.get("/").status, 200);
    let ignored = server.log().into_iter().filter(|line| line["variable"].is_string()).count();
    let is_native = server.get("/").json()["runtime"] == "native";
    assert_eq!(ignored > 5, is_native, "{ignored} variables are logged as ignored");
}

pub(crate) fn empty_setting_is_the_default(mut command: Command) {
    let mut unset = copy(&command);
    unset.env_remove("HELLO_MESSAGE");
    command.env("HELLO_MESSAGE", "").env("HELLO_COLOR", "");
    let [default, empty] = [unset, command].map(|command| Server::start(command).get("/").json()["message"].take());
    assert_eq!(empty, default);
    assert!(default.as_str().is_some_and(|message| !message.is_empty()), "{default}");
}

#[allow(clippy::needless_pass_by_value)] // As the other checks.
pub(crate) fn colors_are_validated_as_by_the_chart(command: Command) {
    for (color, is_valid) in COLORS {
        let outcome = try_setting(copy(&command), "HELLO_COLOR", color);
        assert_eq!(outcome.is_ok(), is_valid, "{color}: {outcome:?}");
        assert_eq!(chart_accepts("color", &format!("{color:?}")), is_valid, "the chart: {color}");
    }
}

pub(crate) fn outbound_hosts_are_validated_as_by_the_chart() {
    for (hosts, is_valid) in HOSTS {
        let outcome = try_setting(host_command("hello-wasi-0.3.wasm"), "HELLO_ALLOWED_OUTBOUND_HOSTS", hosts);
        assert_eq!(outcome.is_ok(), is_valid, "{hosts}: {outcome:?}");
        assert_eq!(chart_accepts("allowedOutboundHosts", &format!("[{hosts:?}]")), is_valid, "the chart: {hosts}");
        if let Err(error) = outcome {
            assert!(error.contains("expected a host as api.example"), "{error}");
        }
    }
}
