//! Our servers, from the images or from dist/.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use wac_graph::{CompositionGraph, EncodeOptions, plug, types::Package};

use super::spec;
use crate::server::ServerSpec;

pub(crate) const NATIVE: &str = "hello-native";
pub(crate) const HOST_P3: &str = "hello-host, WASI 0.3";
pub(crate) const HOST_P2: &str = "hello-host, WASI 0.2";

/// Programs of ours.
pub(crate) struct OurServers {
    native: PathBuf,
    host: PathBuf,
    /// The WASI 0.3 component, compiled ahead of time.
    pub(crate) code: PathBuf,
}

impl OurServers {
    /// The deployed programs: the files of the images, unpacked into a folder.
    ///
    /// # Errors
    /// An image is not built.
    pub(crate) fn of_images(folder: &Path) -> io::Result<Self> {
        let unpack = |image: &str| {
            let files = folder.join(image);
            let unpacked = Command::new("scripts/images.sh").args(["unpack", image]).arg(&files).output()?;
            if !unpacked.status.success() {
                return Err(io::Error::other(format!("there is no image {image}; `make images` builds it")));
            }
            Ok(files)
        };
        let (native, wasm) = (unpack("hello-native")?, unpack("hello-wasm")?);
        Ok(OurServers {
            native: native.join("hello-native"),
            host: wasm.join("hello-host"),
            code: wasm.join("hello.cwasm"),
        })
    }

    /// The programs in `dist/`. The machine code is written into a folder.
    ///
    /// # Errors
    /// The component does not compile.
    pub(crate) fn of_dist(folder: &Path) -> io::Result<Self> {
        let code = compile(Path::new("dist/hello-wasi-0.3.wasm"), folder)?;
        Ok(OurServers { native: "dist/hello-native".into(), host: HOST_WITH_COMPILER.into(), code })
    }

    pub(crate) fn native(&self) -> ServerSpec {
        our_server(NATIVE, &self.native, &[])
    }

    /// The host with a component that is compiled ahead of time.
    pub(crate) fn host(&self, name: &'static str, code: &Path) -> ServerSpec {
        our_server(name, &self.host, &["serve", "--precompiled", &code.to_string_lossy()])
    }

    /// Returns the compiler and the Cargo profile of the native program. The compiler is in the file, the profile in the log.
    ///
    /// # Errors
    /// The program is not readable, or does not start.
    pub(crate) fn build(&self) -> io::Result<String> {
        let bytes = fs::read(&self.native)?;
        let start = bytes.windows(RUSTC.len()).position(|window| window == RUSTC.as_bytes());
        let start = start.ok_or_else(|| {
            io::Error::other(format!("{} does not contain the version of rustc", self.native.display()))
        })?;
        let compiler = String::from_utf8_lossy(bytes[start..].split(|byte| *byte == 0).next().unwrap_or_default());
        let profile = self.native().log_field("profile")?;
        Ok(format!("programs: {}, Cargo profile {profile}", compiler.replacen(" version", "", 1)))
    }
}

/// Text that rustc puts before its version into each program.
const RUSTC: &str = "rustc version ";

/// The host that compiles components. The host in the image has no compiler.
const HOST_WITH_COMPILER: &str = "dist/hello-host";

/// Compiles a component into a folder. Like the code in the image, it runs on any CPU of this architecture.
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

/// The host with a component that it compiles at the start, or finds in its cache after the first start.
pub(crate) fn host_with_compiler(name: &'static str, component: &Path) -> ServerSpec {
    our_server(name, Path::new(HOST_WITH_COMPILER), &["serve", &component.to_string_lossy()])
}

/// A server of ours with a limit on requests in flight.
pub(crate) fn with_in_flight_limit(server: ServerSpec, limit: usize) -> ServerSpec {
    spec(server.name, move |address| {
        let mut command = (server.command)(address);
        command.arg(format!("--max-in-flight={limit}"));
        command
    })
}

/// A server of ours with all telemetry on: a log line per request, and a span for every hundredth, sent to an address.
pub(crate) fn with_telemetry(name: &'static str, server: ServerSpec, spans: SocketAddr) -> ServerSpec {
    spec(name, move |address| {
        let command = (server.command)(address);
        let mut with_variables = Command::new("env");
        with_variables
            .arg(format!("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://{spans}/echo"))
            .args(["OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.01"])
            // A batch is echoed: it has to be shorter than the limit on responses of a collector.
            .arg("OTEL_BSP_MAX_EXPORT_BATCH_SIZE=256")
            .arg("HELLO_ACCESS_LOG=1")
            .arg(command.get_program())
            .args(command.get_args());
        with_variables
    })
}

/// Composes the WASI 0.2 component with one that has no variables, for hosts without Spin's variables.
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

fn our_server(name: &'static str, program: &Path, arguments: &[&str]) -> ServerSpec {
    let program = program.to_owned();
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    spec(name, move |address| {
        let mut command = Command::new(&program);
        command.args(&arguments).args(["--listen", &address.to_string(), "--admin-listen", "127.0.0.1:0"]);
        command
    })
}
