//! The life of a server: bind, create the handler, become ready, serve, drain, exit.

use std::{
    env,
    fmt::Display,
    net::{SocketAddr, TcpListener},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{
    runtime::Runtime,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    admin,
    config::Config,
    connection::{ConnectionLimit, ConnectionMemory, ConnectionServer, Workers, accept_loop, bind},
    program_info::{PROFILE, ProgramInfo},
    readiness::Readiness,
    request::{Handler, Pipeline, Workload},
    signals::{INTERRUPT, Signals},
    telemetry::{METRICS, Tracer, flush_log, start_logging},
};

/// Runs a server to its end: binds both ports, creates the handler, becomes ready, serves until SIGTERM or SIGINT, and drains.
///
/// The exit code is 0 after a complete drain. It is 1 if the server could not start (one line on standard error has the reason), if the
/// drain timed out, or after a second signal.
pub fn run<H: Handler, E: Display>(
    config: Config,
    info: &ProgramInfo,
    create: impl Future<Output = Result<Workload<H>, E>>,
) -> ExitCode {
    let outcome = Server::bind(&config, info).and_then(|(server, runtime)| {
        let outcome = runtime.block_on(server.serve(config, info, create));
        runtime.shutdown_background();
        outcome
    });
    flush_log();
    match outcome {
        Ok(Drain::Completed) => ExitCode::SUCCESS,
        Ok(Drain::Aborted) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("{}: {reason}", info.name);
            ExitCode::FAILURE
        }
    }
}

/// How a drain ended.
#[derive(Clone, Copy, PartialEq)]
enum Drain {
    /// All requests in flight completed.
    Completed,
    /// Requests were aborted, at the timeout or by a second signal.
    Aborted,
}

/// A server whose ports are bound.
struct Server {
    listener: TcpListener,
    admin_listener: TcpListener,
    workers: Workers,
    readiness: Arc<Readiness>,
}

impl Server {
    /// Starts the log and the threads, and binds both ports.
    fn bind(config: &Config, info: &ProgramInfo) -> Result<(Self, Runtime), String> {
        start_logging(config).map_err(|error| format!("cannot start a thread for the log: {error}"))?;
        for variable in info.settings_of_others.iter().filter(|name| env::var_os(name).is_some()) {
            tracing::debug!(variable, "a setting of another program has no effect here");
        }
        let listener = bind(config.listen, "--listen")?;
        let admin_listener = bind(config.admin_listen, "--admin-listen")?;
        let (workers, runtime) =
            Workers::start(info.scheduling).map_err(|error| format!("cannot start threads: {error}"))?;
        Ok((Server { listener, admin_listener, workers, readiness: Arc::default() }, runtime))
    }

    /// Creates the handler, serves until a signal, and drains.
    async fn serve<H: Handler, E: Display>(
        self,
        config: Config,
        info: &ProgramInfo,
        create: impl Future<Output = Result<Workload<H>, E>>,
    ) -> Result<Drain, String> {
        let Server { listener, admin_listener, workers, readiness } = self;
        let mut signals = Signals::new().map_err(|error| format!("cannot listen for signals: {error}"))?;
        let address = local_address(&listener)?;
        let admin_address = local_address(&admin_listener)?;
        admin::spawn(admin_listener, readiness.clone())
            .map_err(|error| format!("cannot start the admin port: {error}"))?;
        tracing::debug!(listen = %address, admin = %admin_address, workers = workers.count(), "starting");
        let Workload { handler, runtime, component, idle } = tokio::select! {
            workload = create => workload.map_err(|error| error.to_string())?,
            _ = signals.next() => return Ok(Drain::Completed),
        };

        METRICS.describe(info, runtime, &config);
        let tracer = Tracer::start(info, runtime)?;
        let (drain_delay, drain_timeout) = (config.drain_delay, config.drain_timeout);
        let memory = ConnectionMemory::new(config.max_connection_memory);
        let limit = ConnectionLimit::new(config.max_connections.min(memory.max_connections()));
        let pipeline = Pipeline::new(handler, runtime, info.scheduling, config, readiness.clone(), tracer.clone());
        let shutdown = CancellationToken::new();
        let connections = ConnectionServer::new(pipeline, memory, workers, shutdown.clone());
        let accept_task = tokio::spawn(accept_loop(listener, connections, limit.clone()));
        readiness.start();
        tracing::info!(
            url = %format_args!("http://{address}"),
            runtime,
            component,
            admin = %format_args!("http://{admin_address}"),
            profile = PROFILE,
            "ready"
        );

        let signal = signals.next().await;
        readiness.drain();
        tracing::info!(signal, "draining");
        // Ctrl-C comes from a person, so that no load balancer has to notice first.
        let delay = if signal == INTERRUPT { Duration::ZERO } else { drain_delay };
        let work = Work { shutdown, accept_task, limit, idle };
        let outcome = tokio::select! {
            outcome = work.drain(delay, drain_timeout) => outcome,
            _ = signals.next() => Drain::Aborted,
        };
        match outcome {
            Drain::Completed => tracing::info!("drained"),
            Drain::Aborted => {
                tracing::warn!(connections = METRICS.connections.get(), "drain incomplete, requests aborted");
            }
        }
        if let Some(tracer) = tracer {
            tracer.shutdown().await;
        }
        Ok(outcome)
    }
}

/// Everything that has to end before the process may.
struct Work {
    shutdown: CancellationToken,
    accept_task: JoinHandle<()>,
    limit: ConnectionLimit,
    idle: BoxFuture<'static, ()>,
}

impl Work {
    /// Ends the work in the order that loses no request behind a load balancer. Readiness is 503 already. For `delay`, connections are
    /// still accepted, and asked to close after their request. Then no more are accepted, and those in flight complete, in at most
    /// `max_time`.
    async fn drain(self, delay: Duration, max_time: Duration) -> Drain {
        sleep(delay).await;
        self.shutdown.cancel();
        _ = self.accept_task.await;
        let completed = async {
            self.limit.all_closed().await;
            self.idle.await;
        };
        match timeout(max_time, completed).await {
            Ok(()) => Drain::Completed,
            Err(_elapsed) => Drain::Aborted,
        }
    }
}

fn local_address(listener: &TcpListener) -> Result<SocketAddr, String> {
    listener.local_addr().map_err(|error| format!("cannot read the bound address: {error}"))
}
