//! The command `serve`: `hello-server` with a component as its handler.

use std::{path::PathBuf, process::ExitCode};

use hello_server::{Config, ProgramInfo, Scheduling, Workload};

use crate::{
    build_info::VERSION,
    guest::{GuestConfig, GuestTemplate, InstancePool},
    handler::GuestHandler,
    load::{self, Limits, Parts},
};

/// The system's allocator takes a fifth more instructions per request.
#[global_allocator]
static ALLOCATOR: hello_server::Allocator = hello_server::Allocator;

#[derive(clap::Args)]
pub(crate) struct Serve {
    /// The component
    #[arg(value_name = "FILE")]
    component: PathBuf,

    /// FILE was compiled by `hello-host compile`: it is compared with FILE.sha256, then run without further checks. Only for files
    /// that nobody else could have written
    #[arg(long)]
    precompiled: bool,

    #[command(flatten)]
    server: Config,

    #[command(flatten)]
    guest: GuestConfig,
}

pub(crate) fn serve(Serve { component: file, precompiled, server, guest }: Serve) -> ExitCode {
    let info = ProgramInfo {
        name: "hello-host",
        version: VERSION,
        // The image sets the commit at run time: built into the program, each commit would link the host again, which takes minutes.
        commit: "unknown",
        scheduling: Scheduling::ThreadPerCore,
        settings_of_others: &[],
    };
    let component_name = file.display().to_string();
    let limits = Limits { instances: guest.max_instances, memory: guest.max_memory_size, parts: Parts::USUAL };
    let request_timeout = server.request_timeout;
    let build = async move {
        // Compiling takes time, in which signals and probes are served.
        let component = tokio::task::spawn_blocking(move || load::load(&file, precompiled, limits));
        let component = component.await.map_err(|panic| panic.to_string())??;
        let template = GuestTemplate::new(&component, guest)?;
        let runtime = template.runtime();
        let pool = InstancePool::start(template, request_timeout).await?;
        let idle = pool.clone();
        Ok::<_, String>(Workload {
            handler: GuestHandler::new(pool, request_timeout),
            runtime,
            component: Some(component_name),
            idle: Box::pin(async move { idle.all_permits().await }),
        })
    };
    hello_server::run(server, &info, build)
}
