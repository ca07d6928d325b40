//! The targets of the Makefile, and commands of the README, as a user types them.

use std::{
    collections::BTreeSet,
    env,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
};

use tests::{
    Exit, Server, VERSION, code_blocks, command_without_cargo_variables, log_messages::READY, native_command,
    run_to_exit, workspace,
};

fn make(arguments: &[&str]) -> Command {
    let mut command = command_without_cargo_variables("make");
    command.current_dir(workspace()).args(arguments);
    command
}

#[test]
fn make_lists_each_target_of_the_docs() {
    let listed = run_to_exit(make(&[]));
    assert!(listed.succeeded());
    let docs = ["README.md", "CONTRIBUTING.md"].map(|file| fs::read_to_string(workspace().join(file)).expect(file));
    let after_make = docs.iter().flat_map(|text| text.split("make ").skip(1));
    let targets: BTreeSet<_> = after_make
        .filter_map(|rest| rest.split([' ', '`', '\n', ';']).next())
        .filter(|target| !target.is_empty())
        .collect();
    assert!(targets.contains("run"));
    for target in targets {
        let start = format!("make {target} ");
        let is_listed = listed.output().lines().any(|line| line.trim_start().starts_with(&start));
        assert!(is_listed, "make {target} is not listed");
    }
}

/// The commands of docs/OPERATIONS.md.
#[test]
fn commands_of_the_docs_change_the_log_filter() {
    let server = Server::start(native_command());
    let guide = fs::read_to_string(workspace().join("docs/OPERATIONS.md")).expect("docs/OPERATIONS.md");
    let commands: Vec<_> = guide.lines().filter(|line| line.starts_with("curl ")).collect();
    assert_eq!(commands.len(), 2);
    for command in commands {
        let command = command.replace("127.0.0.1:9090", &server.admin.to_string()).replace("curl ", "curl --fail ");
        let mut shell = Command::new("sh");
        shell.args(["-c", &command]);
        let exit = run_to_exit(shell);
        assert!(exit.succeeded(), "{command}: {}", exit.output());
    }
    assert!(server.get_admin("/log").text().contains("debug"));
}

fn assert_make_run_serves(arguments: &[&str], runtime: &str) {
    let server = Server::start_bound(make(arguments));
    let ready = server.wait_for_message(READY);
    assert_eq!(ready["profile"], "quick");
    assert_eq!(server.get("/").json()["runtime"], runtime);
    assert_eq!(server.get_admin("/readyz").status, 200);
}

#[test]
fn make_run_serves_wasi_0_3() {
    assert_make_run_serves(&["run"], "wasi-0.3");
}

#[test]
fn make_run_serves_native() {
    assert_make_run_serves(&["run", "RUNTIME=native"], "native");
}

#[test]
fn make_run_serves_wasi_0_2() {
    assert_make_run_serves(&["run", "RUNTIME=wasm-p2"], "wasi-0.2");
}

fn write_script(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\n{script}\n")).expect("the script is written");
    fs::set_permissions(path, Permissions::from_mode(0o755)).expect("the script is executable");
}

/// Runs `make run` with a fake cargo, and returns the arguments of its builds. The component is built first, as it fails soonest.
fn builds_of_make_run(runtime: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (cargo, builds) = (folder.path().join("cargo"), folder.path().join("builds"));
    write_script(&cargo, &format!("echo \"$@\" >>{}", builds.display()));
    let mut run = make(&["run", &format!("RUNTIME={runtime}"), &format!("CARGO={}", cargo.display())]);
    run.env("CARGO_TARGET_DIR", folder.path().join("target"));
    let exit = run_to_exit(run);
    assert!(!exit.succeeded(), "the fake cargo builds nothing that could run: {}", exit.output());
    assert!(exit.stderr.contains("the first time"), "{}", exit.output());
    let builds = fs::read_to_string(&builds).expect("the fake cargo was run");
    builds.lines().map(|line| line.replace("build --locked ", "")).collect()
}

const HOST: &str = "--profile quick --package hello-host";

#[test]
fn make_run_builds_only_the_native_program() {
    assert_eq!(builds_of_make_run("native"), ["--profile quick --package hello-native"]);
}

#[test]
fn make_run_builds_only_the_wasi_0_3_component_and_the_host() {
    let component = "--profile quick --target wasm32-wasip2 --package hello-wasi-0-3";
    assert_eq!(builds_of_make_run("wasm"), [component, HOST]);
}

#[test]
fn make_run_builds_only_the_wasi_0_2_component_and_the_host() {
    let component = "--profile quick --target wasm32-wasip2 --package hello-wasi-0-2";
    assert_eq!(builds_of_make_run("wasm-p2"), [component, HOST]);
}

#[test]
fn make_run_rejects_an_unknown_runtime() {
    let exit = run_to_exit(make(&["run", "RUNTIME=jvm"]));
    assert!(!exit.succeeded());
    let error = "RUNTIME=jvm is not known; use native, wasm, wasm-p2 or spin";
    assert!(exit.output().contains(error), "{}", exit.output());
}

#[test]
fn make_run_names_spin_if_it_is_missing() {
    let path = env::var_os("PATH").expect("PATH is set");
    let without_spin = env::split_paths(&path).filter(|folder| !folder.join("spin").exists());
    let mut run = make(&["run", "RUNTIME=spin"]);
    run.env("PATH", env::join_paths(without_spin).expect("the folders can be joined"));
    let exit = run_to_exit(run);
    assert!(!exit.succeeded());
    assert!(exit.output().contains("needs the program spin"), "{}", exit.output());
}

/// The fake docker logs its builds. The e2e tests build the images.
#[test]
fn make_images_builds_the_named_image_and_prints_how_to_deploy_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let builds = folder.path().join("builds");
    let script = format!("case $1 in build) echo \"$@\" >>{} ;; images) echo 3.5MB ;; esac", builds.display());
    write_script(&folder.path().join("docker"), &script);
    let make_images = |arguments: &[&str]| -> (Exit, String) {
        let mut images = make(&[&["images"], arguments].concat());
        let path = env::var("PATH").expect("PATH is set");
        images.env("PATH", format!("{}:{path}", folder.path().display())).env_remove("RUNTIME");
        fs::write(&builds, "").expect("the file is emptied");
        (run_to_exit(images), fs::read_to_string(&builds).expect("the file is read"))
    };

    let (exit, built) = make_images(&["RUNTIME=native"]);
    assert!(exit.succeeded(), "{}", exit.output());
    assert!(built.lines().count() == 1 && built.contains("--target native "), "{built}");
    let tags: Vec<_> =
        built.split(' ').skip_while(|word| *word != "--tag").filter(|word| word.contains("/hello-")).collect();
    let [version, commit] = tags[..] else { panic!("{tags:?} are not two tags") };
    assert_eq!(version, format!("docker.io/library/hello-native:{VERSION}"));
    let (image, tag) = commit.rsplit_once(':').expect("the reference has a tag");
    assert!(
        image.ends_with("/hello-native") && tag.starts_with(&format!("{VERSION}-")) && tag.len() > VERSION.len() + 8
    );
    for text in [format!("hello-native:{tag}  3.5MB, built in "), format!("--set runtime=native,image.tag={tag}\n")] {
        assert!(exit.stdout.contains(&text), "no {text:?} in {}", exit.output());
    }

    let (exit, built) = make_images(&[]);
    let targets = built.lines().filter_map(|line| line.split_once("--target ")?.1.split(' ').next());
    assert_eq!(targets.collect::<Vec<_>>(), ["native", "spin", "wasm"], "{}", exit.output());

    let (exit, built) = make_images(&["RUNTIME=jvm"]);
    assert!(!exit.succeeded() && built.is_empty());
    assert!(exit.stderr.contains("there is no image for RUNTIME=jvm; use native, wasm or spin"), "{}", exit.output());
}

#[test]
fn settings_of_the_readme_take_effect() {
    let shell = code_blocks("README.md", "sh");
    let commands = shell.iter().flat_map(|block| block.text.lines());
    let commands: Vec<_> = commands.filter(|line| line.contains('=') && line.contains(" make run")).collect();
    // What `make run` starts when all is built.
    let start = |command: &str| {
        let mut shell = command_without_cargo_variables("bash");
        let command = command.replace("make run", "exec dist/hello-host serve dist/hello-wasi-0.3.wasm");
        shell.current_dir(workspace()).args(["-c", &command]);
        Server::start(shell)
    };
    let [message, access_log, collector] = commands[..] else { panic!("{commands:?} are not three commands") };

    assert!(message.starts_with("HELLO_MESSAGE"), "{message}");
    assert_eq!(start(message).get("/").json()["message"], "Good morning");

    assert!(access_log.starts_with("HELLO_ACCESS_LOG"), "{access_log}");
    let server = start(access_log);
    assert_ne!(server.get("/").json()["message"], "Good morning");
    server.wait_for_log(|line| line["status"] == 200 && line["path"] == "/");

    // There is no Collector here; tests/observability/ has one, and checks the spans.
    assert!(collector.starts_with("OTEL_EXPORTER_OTLP_ENDPOINT"), "{collector}");
    assert_eq!(start(collector).get("/").status, 200);
}

/// An image of another builder would not be where the user looks for it.
#[test]
fn images_are_not_built_if_docker_host_does_not_respond() {
    let mut images = Command::new(workspace().join("scripts/images.sh"));
    images.arg("build").env("DOCKER_HOST", "tcp://127.0.0.1:1");
    let exit = run_to_exit(images);
    assert_eq!(exit.code, Some(1), "{}", exit.output());
    assert!(exit.stderr.contains("DOCKER_HOST is tcp://127.0.0.1:1, and no Docker responds there"), "{}", exit.stderr);
    assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
}
