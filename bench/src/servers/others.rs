//! Servers of others, and programs of this package.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::spec;
use crate::server::ServerSpec;

/// The handler that computes, in the server of `hello-native`.
pub(crate) fn work_native() -> ServerSpec {
    built_with_bench("native, work", "work-native", &["--admin-listen", "127.0.0.1:0", "--listen"])
}

/// Bare hyper: HTTP without a service.
pub(crate) fn bare_hyper() -> ServerSpec {
    built_with_bench("bare hyper", "bare-hyper", &[])
}

/// The handler in axum's own server.
pub(crate) fn axum_serve() -> ServerSpec {
    built_with_bench("axum::serve", "axum-serve", &[])
}

/// A program of this package, in the folder of the running one.
fn built_with_bench(name: &'static str, program: &'static str, arguments: &'static [&'static str]) -> ServerSpec {
    let folder = env::current_exe().ok().and_then(|path| path.parent().map(Path::to_owned)).unwrap_or_default();
    let program = folder.join(program);
    spec(name, move |address| {
        let mut command = Command::new(&program);
        command.args(arguments).arg(address.to_string());
        command
    })
}

/// Servers of others, as bench/peers/install.sh installs them.
pub(crate) struct OtherServers {
    peers: PathBuf,
    /// A folder for files of this run.
    scratch: PathBuf,
}

impl OtherServers {
    pub(crate) fn new(peers: &Path, scratch: &Path) -> Self {
        OtherServers { peers: peers.to_owned(), scratch: scratch.to_owned() }
    }

    pub(crate) fn go(&self) -> ServerSpec {
        let program = self.peers.join("bin/go-net-http");
        spec("Go net/http", move |address| {
            let mut command = Command::new(&program);
            command.arg(address.to_string());
            command
        })
    }

    pub(crate) fn flask(&self) -> ServerSpec {
        let folder = self.peers.join("flask");
        spec("Flask, gunicorn", move |address| {
            let mut command = Command::new(folder.join("bin/gunicorn"));
            command.args(["--workers", "2", "--bind", &address.to_string(), "--chdir"]).arg(&folder).arg("app:app");
            command
        })
    }

    pub(crate) fn nginx(&self) -> ServerSpec {
        let folder = self.scratch.clone();
        let file = folder.join("nginx.conf");
        spec("nginx", move |address| {
            let config = include_str!("../../peers/nginx.conf").replace("ADDRESS", &address.to_string());
            let config = config.replace("FOLDER", &folder.to_string_lossy());
            _ = fs::write(&file, config);
            let mut command = Command::new("nginx");
            command.arg("-c").arg(&file).args(["-e", "/dev/null"]);
            command
        })
    }

    /// Wasmtime's own server, with options.
    pub(crate) fn wasmtime(&self, name: &'static str, component: &Path, options: &[&str]) -> ServerSpec {
        let program = self.peers.join("bin/wasmtime");
        let component = component.to_owned();
        let options: Vec<String> = options.iter().map(ToString::to_string).collect();
        spec(name, move |address| {
            let mut command = Command::new(&program);
            command.args(["serve", "-S", "cli"]).args(&options).args(["--addr", &address.to_string()]).arg(&component);
            command
        })
    }
}
