//! What `make deny` and `make sbom` say of dependencies: that they find what is planted, and that an SBOM has what is linked and
//! nothing else, and that programs do not depend on where they were built. Cases whose program is not on PATH are reported as ignored.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use tempfile::TempDir;
use tests::{Exit, dist, is_missing, run_to_exit, workspace};

/// Crates that must be refused as a dependency: name, version, licence, how they are depended on, and what is said. None is of
/// crates.io, so that nothing is fetched.
const PLANTED: [(&str, &str, &str, &str, &str); 9] = [
    ("wasmtime", "48.0.7", "MIT", "path", "error[banned]"),
    ("h2", "0.4.19", "MIT", "path", "error[banned]"),
    ("hyper", "1.11.0", "MIT", "path", "error[banned]"),
    ("bytes", "1.11.0", "MIT", "path", "error[banned]"),
    ("tokio", "1.44.1", "MIT", "path", "error[banned]"),
    ("tracing-subscriber", "0.3.19", "MIT", "path", "error[banned]"),
    ("planted", "1.0.0", "GPL-3.0-only", "path", "error[rejected]"),
    ("planted", "1.0.0", "MIT", "git", "error[source-not-allowed]"),
    // A workspace that can be published may not depend on any version.
    ("planted", "1.0.0", "MIT", "published, path", "error[wildcard]"),
];

/// Each file of `make sbom`, with the package, target and features that it is of.
const SBOMS: [(&str, &str, Option<&str>, &[&str]); 5] = [
    ("hello-native", "hello-native", None, &[]),
    ("hello-host", "hello-host", None, &[]),
    ("hello-wasm", "hello-host", None, &["--no-default-features", "--features", "server"]),
    ("hello-wasi-0.2", "hello-wasi-0-2", Some("wasm32-wasip2"), &[]),
    ("hello-wasi-0.3", "hello-wasi-0-3", Some("wasm32-wasip2"), &[]),
];

fn crate_at(folder: &Path, manifest: &str) -> Result<(), Failed> {
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

/// By our deny.toml, in a workspace whose only dependency is that crate.
fn refuses(name: &str, version: &str, licence: &str, how: &str, said: &str) -> Result<(), Failed> {
    let scratch = TempDir::new()?;
    let planted = scratch.path().join("planted");
    crate_at(
        &planted,
        &format!(
            "[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2024\"\nlicense = \"{licence}\"\n"
        ),
    )?;
    let source = if how == "git" {
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
    let publish = how.starts_with("published");
    let workspace_of_it = scratch.path().join("workspace");
    crate_at(
        &workspace_of_it,
        &format!(
            "[package]\nname = \"scratch\"\nversion = \"1.0.0\"\nedition = \"2024\"\nlicense = \"MIT\"\npublish = {publish}\n\
             [dependencies]\n{name} = {{ {source} }}\n"
        ),
    )?;
    let config = workspace().join("deny.toml");
    let exit = run(
        "cargo",
        &["deny", "--config", &config.to_string_lossy(), "check", "bans", "licenses", "sources"],
        &workspace_of_it,
    );
    Ok(exit.require(!exit.succeeded() && exit.output().contains(said))?)
}

/// `make deny` on our own tree, without advisories.
fn own_tree_passes() -> Result<(), Failed> {
    let nowhere = TempDir::new()?;
    let exit = run("make", &["deny", &format!("ADVISORY_DB={}", nowhere.path().display())], &workspace());
    Ok(exit.require(exit.succeeded() && exit.output().contains("advisories were NOT checked"))?)
}

/// What is said of our Cargo.lock by a single advisory, of all versions of a crate.
fn advised(name: &str, date: &str) -> Result<Exit, Failed> {
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
    let exit = advised("hyper", "2026-01-01")?;
    Ok(exit.require(!exit.succeeded() && exit.output().contains("RUSTSEC-2026-9999"))?)
}

fn old_advisories_are_named() -> Result<(), Failed> {
    let exit = advised("none-of-ours", "2026-01-01")?;
    Ok(exit.require(exit.succeeded() && exit.output().contains("what came since was not looked for"))?)
}

/// Names with versions, as `cargo tree` has them of Cargo.lock.
fn linked(package: &str, target: &str, features: &[&str]) -> Result<BTreeSet<String>, Failed> {
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

fn sboms_have_what_is_linked() -> Result<(), Failed> {
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
                component["name"].as_str().expect("a name"),
                component["version"].as_str().expect("a version")
            )
        };
        let components = sbom["components"].as_array().ok_or("no components")?;
        let listed: BTreeSet<_> = components.iter().chain([&sbom["metadata"]["component"]]).map(named).collect();
        let expected = linked(package, target.unwrap_or(this_machine.trim()), features)?;
        let differences: Vec<_> = listed.symmetric_difference(&expected).collect();
        if !differences.is_empty() || listed.len() != components.len() + 1 {
            return Err(format!("{file}: {differences:?}").into());
        }
        // What is not of this workspace can be looked up, and compared.
        let unsure = components.iter().find(|component| {
            component["purl"].is_null() != component["hashes"].is_null()
                || component["purl"].is_null() && !named(component).starts_with("hello")
        });
        if let Some(unsure) = unsure {
            return Err(format!("{file}: {unsure}").into());
        }
        if text.contains(&*workspace().to_string_lossy()) {
            return Err(format!("{file} has a path of this machine").into());
        }
    }
    Ok(())
}

/// Else the same source would make other bytes on another machine. That it does not, `make reproducible` shows, which takes long.
fn programs_name_no_folder_of_this_machine() -> Result<(), Failed> {
    let set = |name: &str, otherwise: PathBuf| env::var_os(name).map_or(otherwise, PathBuf::from);
    let home = PathBuf::from(env::var_os("HOME").ok_or("no HOME")?);
    let folders =
        [set("CARGO_HOME", home.join(".cargo")), set("CARGO_TARGET_DIR", workspace().join("target")), workspace()];
    for name in ["hello-native", "hello-host", "hello-wasi-0.2.wasm", "hello-wasi-0.3.wasm"] {
        for folder in &folders {
            let folder = format!("{}/", folder.display());
            let exit = run(
                "grep",
                &["--count", "--text", "--fixed-strings", &folder, &dist(name).to_string_lossy()],
                &workspace(),
            );
            if exit.succeeded() {
                return Err(format!("{name} names {folder}").into());
            }
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let (deny, audit, jq) = (is_missing("cargo-deny"), is_missing("cargo-audit"), is_missing("jq"));
    let planted = PLANTED.map(|(name, version, licence, how, said)| {
        Trial::test(format!("refuses: {name} {version}, {licence}, by {how}"), move || {
            refuses(name, version, licence, how, said)
        })
        .with_ignored_flag(deny)
    });
    let others = [
        Trial::test("make deny passes", own_tree_passes).with_ignored_flag(deny || audit),
        Trial::test("an advisory is found", advisory_is_found).with_ignored_flag(audit),
        Trial::test("old advisories are named", old_advisories_are_named).with_ignored_flag(audit),
        Trial::test("SBOMs have what is linked", sboms_have_what_is_linked).with_ignored_flag(jq),
        Trial::test("programs name no folder of this machine", programs_name_no_folder_of_this_machine),
    ];
    libtest_mimic::run(&Arguments::from_args(), planted.into_iter().chain(others).collect()).exit_code()
}
