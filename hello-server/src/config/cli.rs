//! Parsing a program's settings. An error is one line: the setting, its value, and what is allowed.

use std::{env, iter, process::ExitCode};

use clap::{
    Arg, Command, Parser,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::otel::check_otel;

/// Exit code for an invalid setting: `EX_USAGE` of sysexits.h.
const EX_USAGE: u8 = 64;

/// Parses the settings of a program from its flags and its environment. `--help` and `--version` print their text, with exit code 0. An
/// invalid setting prints one line, with exit code 64. Every variable that begins with `HELLO_` must be a setting, of this program or of
/// others.
///
/// # Errors
/// The exit code of the process.
pub fn parse<Cli: Parser>(settings_of_others: &[&str]) -> Result<Cli, ExitCode> {
    let mut command = Cli::command();
    command.build();
    let refuse = |reason: String| {
        eprintln!("{}: {}", command.get_name(), escape_control(&reason));
        ExitCode::from(EX_USAGE)
    };
    if let Some(unknown) = find_unknown_variable(&command, settings_of_others) {
        return Err(refuse(format!(
            "unknown setting {unknown} in the environment; {} lists the settings",
            help_command(&command)
        )));
    }
    let cli = Cli::try_parse().map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            print!("{error}");
            ExitCode::SUCCESS
        }
        // A program with several commands was called without one.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            eprint!("{error}");
            ExitCode::from(EX_USAGE)
        }
        _ => refuse(one_line(&error, &command)),
    })?;
    check_otel().map_err(refuse)?;
    Ok(cli)
}

/// Escapes line breaks and other characters that control a terminal.
fn escape_control(text: &str) -> String {
    let escape = |character: char| {
        if character.is_control() { character.escape_default().collect() } else { character.to_string() }
    };
    text.chars().map(escape).collect()
}

/// Returns a `HELLO_` variable that is not a setting of this program, and so is probably misspelt. Kubernetes itself sets some for a
/// Service of that name (`HELLO_SERVICE_HOST`, `HELLO_PORT_80_TCP_ADDR` …); they are ignored.
fn find_unknown_variable(command: &Command, settings_of_others: &[&str]) -> Option<String> {
    let is_known = |name: &str| {
        settings_of_others.contains(&name) || arguments(command).any(|arg| arg.get_env() == Some(name.as_ref()))
    };
    let is_service_link = |name: &str| name.contains("_SERVICE_HOST") || name.contains("_PORT");
    env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .find(|name| name.starts_with("HELLO_") && !is_service_link(name) && !is_known(name))
}

/// Returns the arguments that list the settings: those of the first command, if there are several.
fn help_command(command: &Command) -> String {
    let words = command.get_subcommands().take(1).map(Command::get_name).chain(["--help"]);
    words.collect::<Vec<_>>().join(" ")
}

/// Arguments of a program and its commands.
fn arguments(command: &Command) -> impl Iterator<Item = &Arg> {
    iter::once(command).chain(command.get_subcommands()).flat_map(Command::get_arguments)
}

/// Returns clap's error without the usage and in one line, with the variable of the setting.
fn one_line(error: &clap::Error, command: &Command) -> String {
    let text = error.to_string();
    // clap's own parts are the last ones; a value may contain the same words.
    let text = ["\n\nFor more", "\n\nUsage:"].iter().fold(text.as_str(), |text, part| match text.rfind(part) {
        Some(end) => &text[..end],
        None => text,
    });
    let text = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    let text = text.trim_start_matches("error: ");
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    let argument = context(ContextKind::InvalidArg);
    let flag = argument.split([' ', '=']).next().unwrap_or(argument);
    let is_flag = |arg: &&Arg| arg.get_long().is_some_and(|long| flag.strip_prefix("--") == Some(long));
    let variable = arguments(command).find(is_flag).and_then(Arg::get_env);
    let text = match (text.rsplit_once(&format!("'{argument}'")), variable) {
        (Some((before, after)), Some(variable)) => format!("{before}{flag} ({}){after}", variable.display()),
        _ => text.to_owned(),
    };
    // The error of an invalid value has what is allowed.
    if context(ContextKind::InvalidValue).is_empty() {
        format!("{text}; {} lists the settings", help_command(command))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use proptest::prelude::*;

    use super::*;
    use crate::config::Config;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        server: Config,
    }

    fn error(arguments: &[&str]) -> String {
        let arguments = iter::once("test").chain(arguments.iter().copied());
        let error = Cli::try_parse_from(arguments).expect_err("an invalid setting");
        escape_control(&one_line(&error, &Cli::command()))
    }

    #[test]
    fn error_has_the_setting_the_value_and_what_is_allowed() {
        assert_eq!(
            error(&["--max-in-flight=0"]),
            "invalid value '0' for --max-in-flight (HELLO_MAX_IN_FLIGHT): expected a whole number from 1 to 1000000"
        );
        assert_eq!(
            error(&["--log-format=xml"]),
            "invalid value 'xml' for --log-format (HELLO_LOG_FORMAT) [possible values: json, text]"
        );
        assert_eq!(
            error(&["--listen"]),
            "a value is required for --listen (HELLO_LISTEN) but none was supplied; --help lists the settings"
        );
        assert_eq!(error(&["--lisen=1"]), "unexpected argument '--lisen' found; --help lists the settings");
    }

    proptest! {
        #[test]
        fn error_is_one_line_whatever_the_value(index in any::<prop::sample::Index>(), text in prop::collection::vec(any::<char>(), 0..20)) {
            let command = Cli::command();
            let settings: Vec<_> = command.get_arguments().filter_map(Arg::get_long).collect();
            let setting = index.get(&settings);
            let text: String = text.into_iter().collect();
            if let Err(error) = Cli::try_parse_from(["test", &format!("--{setting}={text}")]) {
                let line = escape_control(&one_line(&error, &command));
                prop_assert!(!line.contains(char::is_control), "{line:?}");
                prop_assert!(line.contains(setting), "{line}");
            }
        }
    }
}
