//! The command `serve`: `hello-server` around a component.

use std::{path::PathBuf, process::ExitCode};

use hello_server::{About, Config, Service, Threads};

use crate::{
    VERSION, engine,
    guest::{Guest, GuestConfig},
    handler::GuestHandler,
    loader,
};

/// The system's allocator costs a fifth more a request.
#[global_allocator]
static ALLOCATOR: hello_server::Allocator = hello_server::Allocator;

#[derive(clap::Args)]
pub(crate) struct Serve {
    /// The component
    #[arg(value_name = "FILE")]
    component: PathBuf,

    /// FILE is machine code made by `hello-host compile`: checked against FILE.sha256, then run as it is. Only for files that
    /// nobody else could have written
    #[arg(long)]
    precompiled: bool,

    #[command(flatten)]
    server: Config,

    #[command(flatten)]
    guest: GuestConfig,
}

pub(crate) fn serve(Serve { component: file, precompiled, server, guest }: Serve) -> ExitCode {
    // The image sets the commit at run time: a commit in the program would link the host again for every commit, which takes minutes.
    let about = About {
        program: "hello-host",
        version: VERSION,
        commit: "unknown",
        threads: Threads::Own,
        settings_of_others: &[],
    };
    let shown = file.display().to_string();
    let limits =
        engine::Limits { instances: guest.max_instances, memory: guest.max_memory_size, parts: engine::Parts::USUAL };
    let request_timeout = server.request_timeout;
    let build = async move {
        // Compiling takes its time; signals and probes are answered meanwhile.
        let component = tokio::task::spawn_blocking(move || loader::load(&file, precompiled, limits));
        let component = component.await.map_err(|panic| panic.to_string())??;
        let guest = Guest::new(&component, guest)?;
        let runtime = guest.runtime();
        let handler = GuestHandler::start(guest, request_timeout).await?;
        let finished = Box::pin(handler.finished());
        Ok::<_, String>(Service { handler, runtime, component: Some(shown), finished })
    };
    hello_server::run(server, &about, build)
}
