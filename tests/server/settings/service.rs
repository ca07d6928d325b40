//! Settings of the service: what one runtime accepts all accept, and the chart.

use std::process::Command;

use tests::{Server, host, run_to_exit, workspace};

/// Colors, and whether a page can have them.
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

/// Whether it starts with a setting from the environment, and what is said if not.
fn is_accepted(mut command: Command, name: &str, value: &str) -> Result<(), String> {
    // It ends at once, as its port is refused after all settings were read.
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

fn again(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args());
    copy
}

pub(crate) fn misspelt(command: Command) {
    let said = is_accepted(command, "HELLO_MAX_INSTANCE", "3").expect_err("misspelt");
    assert!(said.contains("unknown setting HELLO_MAX_INSTANCE in the environment"), "{said}");
}

/// Whatever the host's help has, with a value of another kind than its own.
pub(crate) fn settings_of_host(command: Command) {
    let mut help = host("hello-wasi-0.3.wasm");
    help.arg("--help");
    let help = run_to_exit(help).stdout;
    let names: Vec<_> =
        help.split("[env: ").skip(1).filter_map(|rest| rest.split(['=', ']']).next()).map(str::to_owned).collect();
    assert!(names.len() > 20, "{names:?}");
    let mut command = command;
    for name in names {
        let value = match name.as_str() {
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
    command.args(["--log", "debug"]);
    let server = Server::start(command);
    assert_eq!(server.get("/").status, 200);
    let ignored = server.log().into_iter().filter(|line| line["variable"].is_string()).count();
    let is_native = server.get("/").json()["runtime"] == "native";
    assert_eq!(ignored > 5, is_native, "variables without effect: {ignored}");
}

pub(crate) fn empty(command: Command) {
    let mut by_default = again(&command);
    by_default.env_remove("HELLO_MESSAGE");
    let mut empty = command;
    empty.env("HELLO_MESSAGE", "").env("HELLO_COLOR", "");
    let [expected, seen] = [by_default, empty].map(|command| Server::start(command).get("/").json()["message"].clone());
    assert_eq!(seen, expected);
    assert!(expected.as_str().is_some_and(|message| !message.is_empty()), "{expected}");
}

pub(crate) fn colors(command: &Command) {
    for (color, is_valid) in COLORS {
        let accepted = is_accepted(again(command), "HELLO_COLOR", color);
        assert_eq!(accepted.is_ok(), is_valid, "{color}: {accepted:?}");
        assert_eq!(chart_accepts("color", &format!("{color:?}")), is_valid, "the chart: {color}");
    }
}

pub(crate) fn outbound_hosts() {
    for (allowed, is_valid) in HOSTS {
        let accepted = is_accepted(host("hello-wasi-0.3.wasm"), "HELLO_ALLOWED_OUTBOUND_HOSTS", allowed);
        assert_eq!(accepted.is_ok(), is_valid, "{allowed}: {accepted:?}");
        assert_eq!(chart_accepts("allowedOutboundHosts", &format!("[{allowed:?}]")), is_valid, "the chart: {allowed}");
        if let Err(said) = accepted {
            assert!(said.contains("expected a host as api.example"), "{said}");
        }
    }
}
