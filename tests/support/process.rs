//! Processes that end with the test that started them.

use std::{
    io::Read,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use crate::{TIMEOUT, find_program};

/// A process and its descendants. They are killed on drop, and by the kernel when the thread that started them ends.
pub struct Process(Child);

impl Process {
    /// Starts a program in a process group of its own.
    ///
    /// # Panics
    /// Panics if the program does not start.
    #[must_use]
    pub fn start(command: &Command, stdout: Stdio, stderr: Stdio) -> Self {
        let mut command = with_death_signal(command);
        command.process_group(0).stdout(stdout).stderr(stderr);
        Process(command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}")))
    }

    /// Returns the pipes of standard output and standard error, if they were requested.
    pub fn output(&mut self) -> impl Iterator<Item = Box<dyn Read + Send>> {
        let stdout = self.0.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>);
        stdout.into_iter().chain(self.0.stderr.take().map(|pipe| Box::new(pipe) as _))
    }

    /// Returns the id of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends a signal by its name, such as `TERM`. Returns whether the process received it.
    ///
    /// # Panics
    /// Panics if `kill` does not start.
    #[must_use]
    pub fn signal(&self, name: &str) -> bool {
        let mut kill = Command::new("kill");
        kill.args(["-s", name, "--", &format!("-{}", self.0.id())]).stderr(Stdio::null());
        kill.status().expect("kill starts").success()
    }

    /// Waits until the process ends by itself.
    ///
    /// # Panics
    /// Panics after [`TIMEOUT`].
    #[must_use]
    pub fn wait_for_exit(&mut self) -> ExitStatus {
        wait(&mut self.0, TIMEOUT).unwrap_or_else(|| panic!("process {} runs for more than {TIMEOUT:?}", self.0.id()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.signal("KILL");
        _ = self.0.wait();
    }
}

/// Returns the same command, but the kernel ends the process when the thread that started it ends.
fn with_death_signal(command: &Command) -> Command {
    let setpriv = find_program("setpriv");
    let mut wrapped = Command::new(setpriv.as_deref().unwrap_or(Path::new(command.get_program())));
    if setpriv.is_some() {
        wrapped.args(["--pdeathsig", "TERM", "--"]).arg(command.get_program());
    }
    wrapped.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    wrapped
}

/// The exit code and the output of a program.
#[derive(Debug)]
pub struct Exit {
    /// The exit code, or nothing if a signal ended the program.
    pub code: Option<i32>,
    /// The standard output.
    pub stdout: String,
    /// The standard error.
    pub stderr: String,
}

impl Exit {
    /// Whether the exit code is 0.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.code == Some(0)
    }

    /// Returns an error with the whole output unless the condition holds.
    ///
    /// # Errors
    /// The output of the program.
    pub fn require(&self, condition: bool) -> Result<(), String> {
        if condition { Ok(()) } else { Err(self.output()) }
    }

    /// Returns standard output and standard error.
    #[must_use]
    pub fn output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Runs a program until it ends by itself.
///
/// # Panics
/// Panics if the program runs for more than [`TIMEOUT`].
#[must_use]
pub fn run_to_exit(command: Command) -> Exit {
    run_to_exit_within(TIMEOUT, command)
}

/// Runs a program until it ends by itself, within a time limit of its own: for programs that compile.
///
/// # Panics
/// Panics if the program does not start or does not end in time.
#[must_use]
pub fn run_to_exit_within(timeout: Duration, mut command: Command) -> Exit {
    let mut child = (command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn())
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let stdout = read_to_end(child.stdout.take().expect("standard output is a pipe"));
    let stderr = read_to_end(child.stderr.take().expect("standard error is a pipe"));
    let Some(status) = wait(&mut child, timeout) else {
        _ = child.kill();
        panic!("{command:?} runs for more than {timeout:?}")
    };
    // A descendant that outlives the program can keep its pipes open.
    let text = |pipe: Receiver<String>| {
        pipe.recv_timeout(TIMEOUT).unwrap_or_else(|_| panic!("{command:?} ended, and its output is still open"))
    };
    Exit { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

fn read_to_end(mut pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        _ = pipe.read_to_end(&mut bytes);
        _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

fn wait(child: &mut Child, timeout: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + timeout;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().expect("the status of a child can be read") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(5));
    }
    None
}
