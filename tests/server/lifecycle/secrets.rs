//! Secrets in the environment.

use std::process::Command;

use tests::{Server, free_address, log_messages::TRACE_EXPORT_FAILING, native_command, run_to_exit};

use crate::assert_one_line_error;

tests::command_tests! {
    secrets_are_never_exposed;
}

const SECRET: &str = "hidden-from-all";

fn secrets_are_never_exposed(mut command: Command) {
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", free_address()))
        .env("OTEL_BSP_SCHEDULE_DELAY", "10")
        .env("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization=Bearer {SECRET}"))
        .env("DATABASE_PASSWORD", SECRET)
        .args(["--access-log", "1"]);
    let server = Server::start(command);
    for path in ["/", "/info", "/headers", "/openapi.json", "/status/500", "/nope"] {
        assert!(!server.get(path).text().contains(SECRET), "{path}");
    }
    assert!(!server.get_admin("/metrics").text().contains(SECRET));
    assert!(!server.get_admin("/log").text().contains(SECRET));
    // The log has the error of the exporter, too.
    server.wait_for_log(|line| line["message"].as_str().is_some_and(|text| text.starts_with(TRACE_EXPORT_FAILING)));
    let exposed = server.log().into_iter().find(|line| line.to_string().contains(SECRET));
    assert_eq!(exposed, None);
}

#[test]
fn password_in_the_collector_url_is_rejected_and_not_exposed() {
    let mut command = native_command();
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://user:{SECRET}@collector:4318"));
    let rejected = run_to_exit(command);
    assert_one_line_error(&rejected, 64, &["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"]);
    assert!(!rejected.output().contains(SECRET), "{}", rejected.output());
}
