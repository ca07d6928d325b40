//! Dependencies: `make deny` rejects planted crates, SBOMs have exactly the linked crates, and programs do not depend on the folder
//! that they were built in.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use libtest_mimic::Failed;
use serde_json::Value;
use tempfile::TempDir;
use tests::{Exit, Missing, dist_file, run_to_exit, run_trials, trial, workspace};

/// Crates that deny.toml rejects: name, version, licence, kind of the dependency, and error. They are local, so that nothing is
/// downloaded.
const PLANTED: [(&str, &str, &str, &str, &str); 9] = [
    ("wasmtime", "48.0.7", "MIT", "path", "error[banned]"),
    ("h2", "0.4.19", "MIT", "path", "error[banned]"),
    ("hyper", "1.11.0", "MIT", "path", "error[banned]"),
    ("bytes", "1.11.0", "MIT", "path", "error[banned]"),
    ("tokio", "1.44.1", "MIT", "path", "error[banned]"),
    ("tracing-subscriber", "0.3.19", "MIT", "path", "error[banned]"),
    ("planted", "1.0.0", "GPL-3.0-only", "path", "error[rejected]"),
    ("planted", "1.0.0", "MIT", "git", "error[source-not-allowed]"),
    // A crate that can be published may not depend on a crate without a version.
    ("planted", "1.0.0", "MIT", "published, path", "error[wildcard]"),
];

/// Each file of `make sbom`, with its package, target and features.
const SBOMS: [(&str, &str, Option<&str>, &[&str]); 5] = [
    ("hello-native", "hello-native", None, &[]),
    ("hello-host", "hello-host", None, &[]),
    ("hello-wasm", "hello-host", None, &["--no-default-features", "--features", "server"]),
    ("hello-wasi-0.2", "hello-wasi-0-2", Some("wasm32-wasip2"), &[]),
    ("hello-wasi-0.3", "hello-wasi-0-3", Some("wasm32-wasip2"), &[]),
];

fn create_crate(folder: &Path, manifest: &str) -> Result<(), Failed> {
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("src/lib.rs"), "")?;
    fs::write(folder.join("Cargo.toml"), manifest)?;
    Ok(())
}

fn run(program: &str, arguments: &[&str], folder: &Path) -> Exit {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    run_to_exit(command)
}

/// Runs cargo-deny with our deny.toml in a workspace whose only dependency is that crate.
fn planted_crate_is_rejected(
    name: &str,
    version: &str,
    licence: &str,
    dependency: &str,
    error: &str,
) -> Result<(), Failed> {
    let scratch = TempDir::new()?;
    let planted = scratch.path().join("planted");
    create_crate(
        &planted,
        &format!(
            "[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2024\"\nlicense = \"{licence}\"\n"
        ),
    )?;
    let source = if dependency == "git" {
        for arguments in [
            &["init", "--quiet"][..],
            &["add", "."],
            &["-c", "user.name=test", "-c", "user.email=test@example", "commit", "--quiet", "--message", "Planted"],
        ] {
            let exit = run("git", arguments, &planted);
            exit.require(exit.succeeded())?;
        }
        format!("git = \"file://{}\"", planted.display())
    } else {
        "path = \"../planted\"".to_owned()
    };
    let publish = dependency.starts_with("published");
    let scratch_workspace = scratch.path().join("workspace");
    create_crate(
        &scratch_workspace,
        &format!(
            "[package]\nname = \"scratch\"\nversion = \"1.0.0\"\nedition = \"2024\"\nlicense = \"MIT\"\npublish = {publish}\n\
             [dependencies]\n{name} = {{ {source} }}\n"
        ),
    )?;
    let config = workspace().join("deny.toml");
    let exit = run(
        "cargo",
        &["deny", "--config", &config.to_string_lossy(), "check", "bans", "licenses", "sources"],
        &scratch_workspace,
    );
    Ok(exit.require(!exit.succeeded() && exit.output().contains(error))?)
}

/// Without the database of advisories.
fn make_deny_passes() -> Result<(), Failed> {
    let empty = TempDir::new()?;
    let exit = run("make", &["deny", &format!("ADVISORY_DB={}", empty.path().display())], &workspace());
    Ok(exit.require(exit.succeeded() && exit.output().contains("advisories were NOT checked"))?)
}

/// Checks our Cargo.lock against a database with a single advisory, for all versions of a crate.
fn check_advisory(name: &str, date: &str) -> Result<Exit, Failed> {
    let database = TempDir::new()?;
    let folder = database.path().join("crates").join(name);
    fs::create_dir_all(&folder)?;
    fs::write(
        folder.join("RUSTSEC-2026-9999.md"),
        format!(
            "```toml\n[advisory]\nid = \"RUSTSEC-2026-9999\"\npackage = \"{name}\"\ndate = \"{date}\"\n\
             [versions]\npatched = []\n```\n\n# Planted\n\nBy a test.\n"
        ),
    )?;
    let mut command = Command::new("scripts/advisories.sh");
    command.current_dir(workspace()).env("ADVISORY_DB", database.path()).args(["unused", "lock", "Cargo.lock"]);
    Ok(run_to_exit(command))
}

fn advisory_is_found() -> Result<(), Failed> {
    let exit = check_advisory("hyper", "2026-01-01")?;
    Ok(exit.require(!exit.succeeded() && exit.output().contains("RUSTSEC-2026-9999"))?)
}

fn old_database_is_reported() -> Result<(), Failed> {
    let exit = check_advisory("none-of-ours", "2026-01-01")?;
    Ok(exit.require(exit.succeeded() && exit.output().contains("what came since was not looked for"))?)
}

/// Returns the crates that `cargo tree` lists, by name and version.
fn linked_crates(package: &str, target: &str, features: &[&str]) -> Result<BTreeSet<String>, Failed> {
    let mut arguments =
        vec!["tree", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"];
    arguments.extend(["--target", target, "--package", package]);
    arguments.extend(features);
    let exit = run("cargo", &arguments, &workspace());
    exit.require(exit.succeeded())?;
    let crates = exit.stdout.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        Some(format!("{name}@{version}"))
    });
    Ok(crates.collect())
}

fn sboms_have_the_linked_crates() -> Result<(), Failed> {
    let folder = TempDir::new()?;
    let exit = run("scripts/sbom.sh", &[&folder.path().to_string_lossy()], &workspace());
    exit.require(exit.succeeded())?;
    let this_machine = run("rustc", &["--print", "host-tuple"], &workspace()).stdout;
    for (file, package, target, features) in SBOMS {
        let text = fs::read_to_string(folder.path().join(format!("{file}.cdx.json")))?;
        let sbom: Value = serde_json::from_str(&text)?;
        let named = |component: &Value| {
            format!(
                "{}@{}",
                component["name"].as_str().expect("a component has a name"),
                component["version"].as_str().expect("a component has a version")
            )
        };
        let components = sbom["components"].as_array().ok_or("the SBOM has no components")?;
        let listed: BTreeSet<_> = components.iter().chain([&sbom["metadata"]["component"]]).map(named).collect();
        let expected = linked_crates(package, target.unwrap_or(this_machine.trim()), features)?;
        let differences: Vec<_> = listed.symmetric_difference(&expected).collect();
        if !differences.is_empty() || listed.len() != components.len() + 1 {
            return Err(format!("{file}: {differences:?}").into());
        }
        // Each crate from outside of this workspace has a package URL and a hash.
        let incomplete = components.iter().find(|component| {
            component["purl"].is_null() != component["hashes"].is_null()
                || component["purl"].is_null() && !named(component).starts_with("hello")
        });
        if let Some(incomplete) = incomplete {
            return Err(format!("{file}: {incomplete}").into());
        }
        if text.contains(&*workspace().to_string_lossy()) {
            return Err(format!("{file} contains the path of the workspace").into());
        }
    }
    Ok(())
}

/// Otherwise the programs would differ between machines. `make reproducible` compares them, which takes half an hour.
fn programs_contain_no_path_of_this_machine() -> Result<(), Failed> {
    let folder = |name: &str, default: PathBuf| env::var_os(name).map_or(default, PathBuf::from);
    let home = PathBuf::from(env::var_os("HOME").ok_or("no HOME")?);
    let folders = [
        folder("CARGO_HOME", home.join(".cargo")),
        folder("CARGO_TARGET_DIR", workspace().join("target")),
        workspace(),
    ];
    for name in ["hello-native", "hello-host", "hello-wasi-0.2.wasm", "hello-wasi-0.3.wasm"] {
        for folder in &folders {
            let folder = format!("{}/", folder.display());
            let exit = run(
                "grep",
                &["--count", "--text", "--fixed-strings", &folder, &dist_file(name).to_string_lossy()],
                &workspace(),
            );
            if exit.succeeded() {
                return Err(format!("{name} contains {folder}").into());
            }
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let planted = PLANTED.map(|(name, version, licence, dependency, error)| {
        let title = format!("{name} {version} with licence {licence} by {dependency} is rejected");
        trial(title, Missing::programs(&["cargo-deny"]), move || {
            planted_crate_is_rejected(name, version, licence, dependency, error)
        })
    });
    let others = [
        trial("make deny passes", Missing::programs(&["cargo-deny", "cargo-audit"]), make_deny_passes),
        trial("an advisory is found", Missing::programs(&["cargo-audit"]), advisory_is_found),
        trial("an old database is reported", Missing::programs(&["cargo-audit"]), old_database_is_reported),
        trial("SBOMs have the linked crates", Missing::programs(&["jq"]), sboms_have_the_linked_crates),
        trial("programs contain no path of this machine", None, programs_contain_no_path_of_this_machine),
    ];
    run_trials(planted.into_iter().chain(others).collect())
}
