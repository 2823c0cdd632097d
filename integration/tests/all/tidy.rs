//! Rules of the house that no compiler checks: who may depend on whom, where SQL and the environment live, how long a file may be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 600;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    // Tests read their tables from files and are told by the environment to write them anew.
    found.retain(|path| {
        !path
            .strip_prefix(root())
            .unwrap()
            .components()
            .any(|part| part.as_os_str().to_string_lossy().contains("tests"))
    });
    found.sort();
    assert!(!found.is_empty(), "no sources below {folder}");
    found
}

/// Lines of code of a file: comments are left out, so that a comment may name what the code must not use.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn dependencies(manifest: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(manifest)).unwrap();
    let mut names = BTreeSet::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with('[') {
            inside = line == "[dependencies]";
        } else if inside && let Some((name, _)) = line.split_once(['.', ' ', '=']) {
            names.insert(name.to_owned());
        }
    }
    names
}

fn offenders(folder: &str, words: &[&str], allowed: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for path in sources(folder) {
        let shown = path.strip_prefix(root()).unwrap().display().to_string();
        if allowed.iter().any(|prefix| shown.starts_with(prefix)) {
            continue;
        }
        let code = code(&path);
        found.extend(
            words
                .iter()
                .filter(|word| code.contains(**word))
                .map(|word| format!("{shown}: {word}")),
        );
    }
    found
}

#[test]
fn crates_depend_in_one_direction() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("crates/engine/Cargo.toml", &[][..]),
        ("crates/rpc/Cargo.toml", &["orca-engine"][..]),
        ("crates/registry/Cargo.toml", &["orca-engine"][..]),
        ("schema/Cargo.toml", &["orca-engine"][..]),
        ("crates/task-log/Cargo.toml", &["orca-engine", "orca-rpc"][..]),
        (
            "crates/worker/Cargo.toml",
            &["orca-engine", "orca-rpc", "orca-registry", "orca-task-log"][..],
        ),
        (
            "actors/Cargo.toml",
            &[
                "orca-engine",
                "orca-rpc",
                "orca-registry",
                "orca-schema",
                "orca-task-log",
            ][..],
        ),
    ]);
    for (manifest, allowed) in allowed {
        let ours: Vec<_> = dependencies(manifest)
            .into_iter()
            .filter(|name| name.starts_with("orca-"))
            .collect();
        for name in ours {
            assert!(
                allowed.contains(&name.as_str()),
                "{manifest} must not depend on {name}"
            );
        }
    }
}

#[test]
fn the_engine_does_no_io() {
    let forbidden = [
        "tokio",
        "actix",
        "diesel",
        "zookeeper-client",
        "log",
        "uuid",
        "rand",
    ];
    let found = dependencies("crates/engine/Cargo.toml");
    let wrong: Vec<_> = forbidden.iter().filter(|name| found.contains(**name)).collect();
    assert!(wrong.is_empty(), "the engine depends on {wrong:?}");
    let words = [
        "std::fs",
        "std::net",
        "std::thread",
        "std::env",
        "SystemTime::",
        "Instant::now",
        "Utc::now",
        "Local::now",
    ];
    assert_eq!(offenders("crates/engine/src", &words, &[]), Vec::<String>::new());
}

#[test]
fn the_codec_half_of_rpc_knows_no_runtime() {
    let connections = [
        "crates/rpc/src/client",
        "crates/rpc/src/server",
        "crates/rpc/src/connection",
    ];
    let mut wrong = Vec::new();
    for path in sources("crates/rpc/src") {
        let shown = path.strip_prefix(root()).unwrap().display().to_string();
        let codec = ["frame", "envelope", "json", "dto", "methods"];
        let is_codec = codec
            .iter()
            .any(|part| shown.starts_with(&format!("crates/rpc/src/{part}")));
        let uses_runtime = code(&path).contains("tokio::");
        if is_codec && uses_runtime {
            wrong.push(shown);
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "tokio belongs to {connections:?}");
}

#[test]
fn sql_lives_in_schema_alone() {
    let words = [
        "sql_query(",
        "diesel::insert_into",
        "diesel::update(",
        "diesel::delete(",
    ];
    for folder in [
        "src",
        "actors/src",
        "crates/engine/src",
        "crates/rpc/src",
        "crates/task-log/src",
        "crates/worker/src",
    ] {
        assert_eq!(offenders(folder, &words, &[]), Vec::<String>::new());
    }
}

#[test]
fn only_the_configuration_reads_the_environment() {
    let words = ["env::var(", "env::var_os(", "env::vars("];
    assert_eq!(offenders("src", &words, &["src/config"]), Vec::<String>::new());
    for folder in [
        "actors/src",
        "schema/src",
        "crates/engine/src",
        "crates/rpc/src",
        "crates/registry/src",
        "crates/task-log/src",
        "crates/worker/src",
    ] {
        assert_eq!(offenders(folder, &words, &[]), Vec::<String>::new());
    }
}

#[test]
fn files_hold_one_idea() {
    let folders = ["src", "actors/src", "schema/src", "crates", "integration/src"];
    let long: Vec<String> = folders
        .iter()
        .flat_map(|folder| sources(folder))
        .filter_map(|path| {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            (lines > FILE_LINES_MAX).then(|| format!("{}: {lines} lines", path.display()))
        })
        .collect();
    assert_eq!(long, Vec::<String>::new());
}
