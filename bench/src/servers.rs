//! Every server that is measured, ours and the peers, by name.

use std::{
    env, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use wac_graph::{CompositionGraph, EncodeOptions, plug, types::Package};

use crate::server::Recipe;

pub(crate) const NATIVE: &str = "hello-native";
pub(crate) const HOST_P3: &str = "hello-host, WASI 0.3";
pub(crate) const HOST_P2: &str = "hello-host, WASI 0.2";

/// Where files for this run are, and where the peers have been installed.
pub(crate) struct Places {
    /// Of this run.
    pub(crate) scratch: PathBuf,
    /// By bench/peers/install.sh.
    pub(crate) peers: PathBuf,
}

/// Our programs, from one place.
pub(crate) struct Ours {
    native: PathBuf,
    host: PathBuf,
    /// The WASI 0.3 component, compiled ahead of time.
    pub(crate) code: PathBuf,
}

impl Ours {
    /// What is deployed: the files of the images, unpacked into a folder.
    ///
    /// # Errors
    /// An image is not built.
    pub(crate) fn of_images(folder: &Path) -> io::Result<Self> {
        let unpack = |image: &str| {
            let files = folder.join(image);
            let unpacked = Command::new("scripts/images.sh").args(["unpack", image]).arg(&files).output()?;
            if !unpacked.status.success() {
                return Err(io::Error::other(format!("no image {image} to measure; `make images` builds it")));
            }
            Ok(files)
        };
        let (native, wasm) = (unpack("hello-native")?, unpack("hello-wasm")?);
        Ok(Ours { native: native.join("hello-native"), host: wasm.join("hello-host"), code: wasm.join("hello.cwasm") })
    }

    /// The programs in `dist/`; the machine code goes into a folder.
    ///
    /// # Errors
    /// The component does not compile.
    pub(crate) fn of_dist(folder: &Path) -> io::Result<Self> {
        let code = compile(Path::new("dist/hello-wasi-0.3.wasm"), folder)?;
        Ok(Ours { native: "dist/hello-native".into(), host: HOST_WITH_COMPILER.into(), code })
    }

    pub(crate) fn native(&self) -> Recipe {
        ours(NATIVE, &self.native, &[])
    }

    /// The host with machine code made before.
    pub(crate) fn host(&self, name: &'static str, code: &Path) -> Recipe {
        ours(name, &self.host, &["serve", "--precompiled", &code.to_string_lossy()])
    }

    /// How the native program was built, in its own words: its compiler is in the file, its Cargo profile in its log.
    ///
    /// # Errors
    /// The program cannot be read or started.
    pub(crate) fn build(&self) -> io::Result<String> {
        let bytes = fs::read(&self.native)?;
        let start = bytes.windows(RUSTC.len()).position(|window| window == RUSTC.as_bytes());
        let start = start.ok_or_else(|| io::Error::other(format!("{} names no rustc", self.native.display())))?;
        let compiler = String::from_utf8_lossy(bytes[start..].split(|byte| *byte == 0).next().unwrap_or_default());
        let profile = self.native().log_field("profile")?;
        Ok(format!("programs: {}, Cargo profile {profile}", compiler.replacen(" version", "", 1)))
    }
}

/// What rustc puts into each program, before its version.
const RUSTC: &str = "rustc version ";

/// The host in the image has no compiler.
const HOST_WITH_COMPILER: &str = "dist/hello-host";

/// Compiles a component into a folder, for any processor of this architecture, as that of the image is.
///
/// # Errors
/// The component does not compile.
pub(crate) fn compile(component: &Path, folder: &Path) -> io::Result<PathBuf> {
    let code = folder.join(component.file_name().unwrap_or_default()).with_extension("cwasm");
    let compiled = Command::new(HOST_WITH_COMPILER).arg("compile").arg(component).arg("-o").arg(&code).output()?;
    if !compiled.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&compiled.stderr).into_owned()));
    }
    Ok(code)
}

/// The host with a component from source; its machine code comes from the cache where it has been served before.
pub(crate) fn host_with_compiler(name: &'static str, component: &Path) -> Recipe {
    ours(name, Path::new(HOST_WITH_COMPILER), &["serve", &component.to_string_lossy()])
}

/// One of ours that has room for so many requests at once.
pub(crate) fn with_places(server: Recipe, places: usize) -> Recipe {
    recipe(server.name, move |address| {
        let mut command = (server.command)(address);
        command.arg(format!("--max-in-flight={places}"));
        command
    })
}

/// One of ours with everything on that operators can turn on: a line in the log for every request, and a span for each hundredth, which
/// this address is sent.
pub(crate) fn observed(name: &'static str, server: Recipe, spans: SocketAddr) -> Recipe {
    recipe(name, move |address| {
        let command = (server.command)(address);
        let mut observed = Command::new("env");
        observed
            .arg(format!("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://{spans}/echo"))
            .args(["OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.01"])
            // What is echoed is to be within what is read of a collector's answer.
            .arg("OTEL_BSP_MAX_EXPORT_BATCH_SIZE=256")
            .arg("HELLO_ACCESS_LOG=1")
            .arg(command.get_program())
            .args(command.get_args());
        observed
    })
}

/// The same work, in the server of `hello-native`.
pub(crate) fn work_native() -> Recipe {
    beside("native, work", "work-native", &["--admin-listen", "127.0.0.1:0", "--listen"])
}

/// The WASI 0.2 component for hosts without Spin's variables: composed with a component that has none.
pub(crate) fn without_variables(components: &Path, folder: &Path) -> io::Result<PathBuf> {
    let compose = || {
        let mut graph = CompositionGraph::new();
        let mut register = |name: &str, file: &Path| {
            let package = Package::from_file(name, None, file, graph.types_mut())?;
            Ok::<_, Box<dyn std::error::Error>>(graph.register_package(package)?)
        };
        let component = register("hello:hello", Path::new("dist/hello-wasi-0.2.wasm"))?;
        let variables = register("bench:variables", &components.join("variables.wasm"))?;
        plug(&mut graph, vec![variables], component)?;
        let composed = folder.join("hello-0.2-composed.wasm");
        fs::write(&composed, graph.encode(EncodeOptions::default())?)?;
        Ok::<_, Box<dyn std::error::Error>>(composed)
    };
    compose().map_err(|error| io::Error::other(format!("cannot compose the WASI 0.2 component: {error}")))
}

fn ours(name: &'static str, program: &Path, arguments: &[&str]) -> Recipe {
    let program = program.to_owned();
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    recipe(name, move |address| {
        let mut command = Command::new(&program);
        command.args(&arguments).args(["--listen", &address.to_string(), "--admin-listen", "127.0.0.1:0"]);
        command
    })
}

/// They stand beside this program.
pub(crate) fn bare_hyper() -> Recipe {
    beside("bare hyper", "bare-hyper", &[])
}

pub(crate) fn axum_serve() -> Recipe {
    beside("axum::serve", "axum-serve", &[])
}

fn beside(name: &'static str, program: &'static str, arguments: &'static [&'static str]) -> Recipe {
    let folder = env::current_exe().ok().and_then(|path| path.parent().map(Path::to_owned)).unwrap_or_default();
    let program = folder.join(program);
    recipe(name, move |address| {
        let mut command = Command::new(&program);
        command.args(arguments).arg(address.to_string());
        command
    })
}

impl Places {
    pub(crate) fn go(&self) -> Recipe {
        let program = self.peers.join("bin/go-net-http");
        recipe("Go net/http", move |address| {
            let mut command = Command::new(&program);
            command.arg(address.to_string());
            command
        })
    }

    pub(crate) fn flask(&self) -> Recipe {
        let folder = self.peers.join("flask");
        recipe("Flask, gunicorn", move |address| {
            let mut command = Command::new(folder.join("bin/gunicorn"));
            command.args(["--workers", "2", "--bind", &address.to_string(), "--chdir"]).arg(&folder).arg("app:app");
            command
        })
    }

    pub(crate) fn nginx(&self) -> Recipe {
        let folder = self.scratch.clone();
        let file = folder.join("nginx.conf");
        recipe("nginx", move |address| {
            let config = include_str!("../peers/nginx.conf").replace("ADDRESS", &address.to_string());
            let config = config.replace("FOLDER", &folder.to_string_lossy());
            _ = fs::write(&file, config);
            let mut command = Command::new("nginx");
            command.arg("-c").arg(&file).args(["-e", "/dev/null"]);
            command
        })
    }

    /// wasmtime's own server, with these options.
    pub(crate) fn wasmtime(&self, name: &'static str, component: &Path, options: &[&str]) -> Recipe {
        let program = self.peers.join("bin/wasmtime");
        let component = component.to_owned();
        let options: Vec<String> = options.iter().map(ToString::to_string).collect();
        recipe(name, move |address| {
            let mut command = Command::new(&program);
            command.args(["serve", "-S", "cli"]).args(&options).args(["--addr", &address.to_string()]).arg(&component);
            command
        })
    }
}

fn recipe(name: &'static str, command: impl Fn(SocketAddr) -> Command + 'static) -> Recipe {
    Recipe { name, command: Box::new(command) }
}
