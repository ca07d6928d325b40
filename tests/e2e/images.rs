//! The images: as small as promised, nothing in them runs as root, and their programs are the build that is in `dist/`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;
use tests::{Server, dist, host_precompiled, instructions_per_request, run_to_exit, workspace};

use crate::{cluster::commit, measures::measure};

const MIB: f64 = 1024.0 * 1024.0;

pub(crate) fn are_small_and_run_as_nobody() {
    for (target, limit) in [("native", 3.6), ("wasm", 14.0), ("spin", 1.5)] {
        let image = Image::unpack(target);
        let size = image.size() / MIB;
        measure(format!("hello-{target}: size of the image"), format!("{size:.2} MiB"));
        assert!(size <= limit, "hello-{target} has {size:.2} MiB, more than {limit}");
        assert_eq!(image.config["User"], "65532:65532");
        assert_eq!(image.config["Labels"]["org.opencontainers.image.title"], format!("hello-{target}"));
        assert_eq!(image.config["Labels"]["org.opencontainers.image.revision"], commit());
    }
}

/// By how much the counts of a program in an image and in `dist/` may differ.
const MAX_DIFFERENCE: f64 = 0.01;

/// How often they are counted before they count as different: the counts of two runs of one program differ by up to 2 %, too.
const TRIES: u32 = 4;

/// The same Cargo profile, compiler and instructions per request.
pub(crate) fn have_the_programs_of_dist() {
    let (native, wasm) = (Image::unpack("native"), Image::unpack("wasm"));
    let code = wasm.path("/hello.cwasm");
    assert_same_build("native", &|| Command::new(native.path("/hello-native")), &tests::native);
    let host = |host: &Path| host_precompiled(host, &code);
    assert_same_build("wasm", &|| host(&wasm.path("/hello-host")), &|| host(&dist("hello-host")));
}

fn assert_same_build(runtime: &str, image: &dyn Fn() -> Command, in_dist: &dyn Fn() -> Command) {
    let [shipped, built] = [image, in_dist].map(|command| {
        let compiler = compiler(Path::new(command().get_program()));
        let ready = Server::start(command()).wait_for_log(|line| line["message"] == "ready");
        (compiler, ready["profile"].clone())
    });
    assert_eq!(shipped, built, "{runtime}: compiler and profile, in the image and in dist/");
    assert_eq!(shipped.1, "release", "{runtime}");
    let mut compared = String::new();
    for _ in 0..TRIES {
        let [shipped, built] = [image, in_dist].map(instructions_per_request);
        compared = format!("{shipped} in the image, {built} in dist/");
        #[allow(clippy::cast_precision_loss)]
        let difference = shipped as f64 / built as f64 - 1.0;
        if difference.abs() <= MAX_DIFFERENCE {
            measure(format!("hello-{runtime}: instructions per request"), compared);
            return;
        }
    }
    panic!("{runtime}: not the same build: {compared}");
}

/// The version of the compiler that a program was built with, which rustc writes into it.
fn compiler(program: &Path) -> String {
    let bytes = fs::read(program).expect("a program");
    let start = bytes.windows(RUSTC.len()).position(|window| window == RUSTC).expect("a program of rustc");
    String::from_utf8_lossy(bytes[start..].split(|byte| *byte == 0).next().expect("text")).into_owned()
}

const RUSTC: &[u8] = b"rustc version ";

/// An image as the engine that built it hands it out, unpacked.
pub(crate) struct Image {
    folder: TempDir,
    config: Value,
}

impl Image {
    pub(crate) fn unpack(target: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let archive = folder.path().join("archive.tar");
        let mut save = Command::new("scripts/images.sh");
        save.current_dir(workspace()).arg("save").arg(format!("hello-{target}")).arg(&archive);
        succeed(save);
        let unpacked = folder.path().join("archive");
        extract(&archive, &unpacked);
        let read =
            |name: &str| serde_json::from_slice::<Value>(&fs::read(unpacked.join(name)).expect(name)).expect(name);
        let manifest = read("manifest.json").take();
        let config = read(manifest[0]["Config"].as_str().expect("a config"))["config"].take();
        for layer in manifest[0]["Layers"].as_array().expect("layers") {
            extract(&unpacked.join(layer.as_str().expect("a name")), &folder.path().join("root"));
        }
        Image { folder, config }
    }

    /// A file or folder of the image.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join("root").join(inside.trim_start_matches('/'))
    }

    /// Bytes of all its files.
    #[allow(clippy::cast_precision_loss)]
    fn size(&self) -> f64 {
        bytes_below(&self.path("/")) as f64
    }
}

fn bytes_below(path: &Path) -> u64 {
    let entries = fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.map(|path| if path.is_dir() { bytes_below(&path) } else { path.metadata().expect("a file").len() }).sum()
}

fn extract(archive: &Path, folder: &Path) {
    fs::create_dir_all(folder).expect("a folder");
    let mut tar = Command::new("tar");
    tar.arg("--extract").arg("--file").arg(archive).arg("--directory").arg(folder);
    succeed(tar);
}

fn succeed(command: Command) {
    let shown = format!("{command:?}");
    let exit = run_to_exit(command);
    assert!(exit.succeeded(), "{shown}: {}", exit.output());
}
