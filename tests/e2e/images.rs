//! The images: their size, their user, and their programs, which are the same build as those in `dist/`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;
use tests::{Server, dist_file, instructions_per_request, precompiled_host_command, run_to_exit, workspace};

use crate::{cluster::commit, measures::measure};

const MIB: f64 = 1024.0 * 1024.0;

pub(crate) fn images_are_small_and_do_not_run_as_root() {
    for (target, limit) in [("native", 3.6), ("wasm", 14.0), ("spin", 1.5)] {
        let image = Image::unpack(target);
        let size = image.size() / MIB;
        measure(format!("hello-{target}: size of the image"), format!("{size:.2} MiB"));
        assert!(size <= limit, "hello-{target} has {size:.2} MiB; the limit is {limit}");
        assert_eq!(image.config["User"], "65532:65532");
        assert_eq!(image.config["Labels"]["org.opencontainers.image.title"], format!("hello-{target}"));
        assert_eq!(image.config["Labels"]["org.opencontainers.image.revision"], commit());
    }
}

/// Fraction by which the counts of a program in an image and in `dist/` may differ.
const MAX_DIFFERENCE: f64 = 0.01;

/// Number of comparisons of which one has to be equal, as the counts of two runs of one program differ by up to 2 %.
const TRIES: u32 = 4;

/// Compares the compiler, the Cargo profile and the instructions per request.
pub(crate) fn images_have_the_programs_of_dist() {
    let (native, wasm) = (Image::unpack("native"), Image::unpack("wasm"));
    let code = wasm.path("/hello.cwasm");
    assert_same_build("native", &|| Command::new(native.path("/hello-native")), &tests::native_command);
    let host = |host: &Path| precompiled_host_command(host, &code);
    assert_same_build("wasm", &|| host(&wasm.path("/hello-host")), &|| host(&dist_file("hello-host")));
}

fn assert_same_build(runtime: &str, image: &dyn Fn() -> Command, in_dist: &dyn Fn() -> Command) {
    let [of_image, of_dist] = [image, in_dist].map(|command| {
        let compiler = compiler(Path::new(command().get_program()));
        let ready = Server::start(command()).wait_for_log(|line| line["message"] == "ready");
        (compiler, ready["profile"].clone())
    });
    assert_eq!(of_image, of_dist, "{runtime}: compiler and profile, in the image and in dist/");
    assert_eq!(of_image.1, "release", "{runtime}");
    let mut comparison = String::new();
    for _ in 0..TRIES {
        let [of_image, of_dist] = [image, in_dist].map(instructions_per_request);
        comparison = format!("{of_image} in the image, {of_dist} in dist/");
        #[allow(clippy::cast_precision_loss)]
        let difference = of_image as f64 / of_dist as f64 - 1.0;
        if difference.abs() <= MAX_DIFFERENCE {
            measure(format!("hello-{runtime}: instructions per request"), comparison);
            return;
        }
    }
    panic!("{runtime}: not the same build: {comparison}");
}

/// Returns the version of the compiler, which rustc writes into each program.
fn compiler(program: &Path) -> String {
    let bytes = fs::read(program).expect("the program is read");
    let start = bytes.windows(RUSTC.len()).position(|window| window == RUSTC).expect("the program names its compiler");
    String::from_utf8_lossy(bytes[start..].split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

const RUSTC: &[u8] = b"rustc version ";

/// An unpacked image.
pub(crate) struct Image {
    folder: TempDir,
    config: Value,
}

impl Image {
    pub(crate) fn unpack(target: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let archive = folder.path().join("archive.tar");
        let mut save = Command::new("scripts/images.sh");
        save.current_dir(workspace()).arg("save").arg(format!("hello-{target}")).arg(&archive);
        succeed(save);
        let unpacked = folder.path().join("archive");
        extract(&archive, &unpacked);
        let read =
            |name: &str| serde_json::from_slice::<Value>(&fs::read(unpacked.join(name)).expect(name)).expect(name);
        let manifest = read("manifest.json").take();
        let config = read(manifest[0]["Config"].as_str().expect("the manifest names the config"))["config"].take();
        for layer in manifest[0]["Layers"].as_array().expect("the manifest has layers") {
            extract(&unpacked.join(layer.as_str().expect("a layer has a name")), &folder.path().join("root"));
        }
        Image { folder, config }
    }

    /// Returns the path of a file or folder of the image.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join("root").join(inside.trim_start_matches('/'))
    }

    /// Returns the size of all files, in bytes.
    #[allow(clippy::cast_precision_loss)]
    fn size(&self) -> f64 {
        size_of(&self.path("/")) as f64
    }
}

fn size_of(path: &Path) -> u64 {
    let entries = fs::read_dir(path).expect("the folder is read").map(|entry| entry.expect("the entry is read").path());
    entries
        .map(|path| if path.is_dir() { size_of(&path) } else { path.metadata().expect("the file is there").len() })
        .sum()
}

fn extract(archive: &Path, folder: &Path) {
    fs::create_dir_all(folder).expect("the folder is created");
    let mut tar = Command::new("tar");
    tar.arg("--extract").arg("--file").arg(archive).arg("--directory").arg(folder);
    succeed(tar);
}

fn succeed(command: Command) {
    let shown = format!("{command:?}");
    let exit = run_to_exit(command);
    assert!(exit.succeeded(), "{shown}: {}", exit.output());
}
