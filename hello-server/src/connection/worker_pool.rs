//! Threads that serve connections: runtimes, and the choice of one for the next connection.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::program_info::Scheduling;

/// Pool of threads. Clones share them.
#[derive(Clone)]
pub(crate) struct Workers {
    workers: Arc<[Worker]>,
}

struct Worker {
    runtime: Handle,
    tasks: Arc<AtomicUsize>,
}

impl Worker {
    fn on(runtime: &Runtime) -> Self {
        Worker { runtime: runtime.handle().clone(), tasks: Arc::default() }
    }
}

impl Workers {
    /// Starts the threads, which run until the process ends. Returns them, and the runtime for everything else.
    pub(crate) fn start(scheduling: Scheduling) -> io::Result<(Self, Runtime)> {
        let (workers, runtime) = match scheduling {
            Scheduling::WorkStealing => {
                let runtime = Builder::new_multi_thread().enable_all().build()?;
                ([Worker::on(&runtime)].into(), runtime)
            }
            Scheduling::ThreadPerCore => {
                let runtime = || Builder::new_current_thread().enable_all().build();
                let worker = |_| {
                    let runtime = runtime()?;
                    let worker = Worker::on(&runtime);
                    let serve = move || runtime.block_on(std::future::pending::<()>());
                    thread::Builder::new().name("worker".into()).spawn(serve)?;
                    Ok(worker)
                };
                let workers = (0..thread::available_parallelism()?.get()).map(worker).collect::<io::Result<_>>()?;
                (workers, runtime()?)
            }
        };
        Ok((Workers { workers }, runtime))
    }

    /// Number of threads.
    pub(crate) fn count(&self) -> usize {
        self.workers.iter().map(|worker| worker.runtime.metrics().num_workers()).sum()
    }

    /// Runs a task on the worker that has the fewest.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let worker = self.workers.iter().min_by_key(|worker| worker.tasks.load(Relaxed)).expect("at least one worker");
        worker.tasks.fetch_add(1, Relaxed);
        let guard = TaskGuard(worker.tasks.clone());
        worker.runtime.spawn(async move {
            let _guard = guard;
            task.await;
        });
    }
}

/// Executor for the streams of an HTTP/2 connection, so that one connection can use every CPU.
impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Workers {
    fn execute(&self, stream: F) {
        self.spawn(stream);
    }
}

/// Drop guard of one task: counts it as long as it runs, even if it panics.
struct TaskGuard(Arc<AtomicUsize>);

impl Drop for TaskGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
