//! Where connections are served: runtimes, and which of them gets the next connection.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use tokio::runtime::{Builder, Handle, Runtime};

/// How the threads of a server share its connections. Either way there are as many as `std::thread::available_parallelism` says, which
/// heeds the CPU quota of the control group and the affinity mask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threads {
    /// Whichever thread is free goes on with a connection: for handlers that cost no more than the HTTP around them.
    Shared,
    /// A connection, or a stream of HTTP/2, stays with the thread that had the fewest when it came: for handlers with much code and
    /// data, which a processor has in its caches when it goes from one request to the next. A handler that does not yield keeps the
    /// others of its thread waiting.
    Own,
}

/// The threads that serve connections. Clones are the same threads.
#[derive(Clone)]
pub(crate) struct Workers {
    pub(crate) threads: Threads,
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
    /// The workers, which serve until the process ends, and the runtime for everything else.
    pub(crate) fn start(threads: Threads) -> io::Result<(Self, Runtime)> {
        let (workers, runtime) = match threads {
            Threads::Shared => {
                let runtime = Builder::new_multi_thread().enable_all().build()?;
                ([Worker::on(&runtime)].into(), runtime)
            }
            Threads::Own => {
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
        Ok((Workers { threads, workers }, runtime))
    }

    /// How many threads they are.
    pub(crate) fn count(&self) -> usize {
        self.workers.iter().map(|worker| worker.runtime.metrics().num_workers()).sum()
    }

    /// Gives a task to the worker that has the fewest.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let worker = self.workers.iter().min_by_key(|worker| worker.tasks.load(Relaxed)).expect("at least one worker");
        worker.tasks.fetch_add(1, Relaxed);
        let counted = Counted(worker.tasks.clone());
        worker.runtime.spawn(async move {
            let _counted = counted;
            task.await;
        });
    }
}

/// Where hyper has the streams of an HTTP/2 connection served, so that one connection can use every processor.
impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Workers {
    fn execute(&self, stream: F) {
        self.spawn(stream);
    }
}

/// A task of a worker, to its end, panic or not.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
