//! The shape of the workspace: who may depend on whom, what lies at the root, and what no tracked file may say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The crates by folder, with the crates of the workspace that each may depend on.
const ARROWS: [(&str, &str, &[&str]); 5] = [
    ("checker", "rashomon-checker", &[]),
    ("node", "rashomon-node", &[]),
    ("workloads", "rashomon-workloads", &["rashomon-checker"]),
    ("harness", "rashomon", &["rashomon-checker", "rashomon-node", "rashomon-workloads"]),
    ("tests", "rashomon-tests", &["rashomon", "rashomon-checker"]),
];

/// What the checker may depend on: it is the crate that people will want to reuse and audit.
const CHECKER_DEPENDENCIES: [&str; 3] = ["rustc-hash", "serde", "smallvec"];

/// The files of the harness that may name the node's library: the hidden verb that becomes a node, and the names of
/// the built-in bugs for the command line. Everything else talks to nodes by the wire; only the simulator has them in it.
const ROOMS_OF_THE_NODE: [&str; 2] = ["harness/src/bugs.rs", "harness/src/cli/node.rs"];
/// The folder of the simulator.
const SIMULATOR: &str = "harness/src/sim/";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root").to_path_buf()
}

fn manifest(folder: &str) -> toml::Table {
    let path = root().join(folder).join("Cargo.toml");
    let text = std::fs::read_to_string(&path).expect("every folder has a manifest");
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn dependencies(manifest: &toml::Table, sections: &[&str]) -> BTreeSet<String> {
    sections
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_table())
        .flat_map(|table| table.keys().cloned())
        .collect()
}

/// Files below `folder` with one of the endings, relative to the root, build output left out.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder of the workspace is readable") {
            let path = entry.expect("its entries are readable").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && name != "runs" {
                    open.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path.strip_prefix(root()).expect("it is below the root").to_path_buf());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn only_the_allowed_arrows_between_crates_exist() {
    let ours: BTreeSet<&str> = ARROWS.iter().map(|(_, package, _)| *package).collect();
    for (folder, package, allowed) in ARROWS {
        let manifest = manifest(folder);
        assert_eq!(manifest["package"]["name"].as_str(), Some(package), "package of {folder}/");
        let all =
            dependencies(&manifest, &["dependencies", "dev-dependencies", "build-dependencies"]);
        for dependency in all.iter().filter(|name| ours.contains(name.as_str())) {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{folder}/ must not depend on {dependency}"
            );
        }
    }
}

#[test]
fn the_checker_depends_on_next_to_nothing() {
    let found = dependencies(&manifest("checker"), &["dependencies", "build-dependencies"]);
    let allowed: BTreeSet<String> = CHECKER_DEPENDENCIES.map(str::to_owned).into();
    assert_eq!(found, allowed);
}

#[test]
fn the_harness_uses_the_node_as_a_library_in_named_rooms_only() {
    let rooms: BTreeSet<PathBuf> = ROOMS_OF_THE_NODE.iter().map(PathBuf::from).collect();
    let found: BTreeSet<PathBuf> = files("harness/src", &[".rs"])
        .into_iter()
        .filter(|path| !path.starts_with(SIMULATOR))
        .filter(|path| {
            let text = std::fs::read_to_string(root().join(path)).expect("sources are text");
            text.contains("rashomon_node::")
        })
        .collect();
    assert_eq!(found, rooms);
}

#[test]
fn every_crate_takes_the_shared_settings() {
    for (folder, ..) in ARROWS {
        let manifest = manifest(folder);
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "lints of {folder}/");
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            let shared = manifest["package"][key].get("workspace").and_then(toml::Value::as_bool);
            assert_eq!(shared, Some(true), "{key} of {folder}/");
        }
        assert!(root().join(folder).join("clippy.toml").is_file(), "{folder}/ has its bans");
    }
}

#[test]
fn the_root_holds_the_agreed_entries_only() {
    let agreed = [
        "CHANGELOG.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "checker",
        "harness",
        "node",
        "rustfmt.toml",
        "tests",
        "workloads",
    ];
    for name in tracked_entries().unwrap_or_else(entries_of_the_folder) {
        let known = name.starts_with('.') || agreed.contains(&name.as_str());
        assert!(known, "unexpected entry at the root: {name}");
    }
}

/// First parts of the paths that git knows: what else lies in a working copy is its owner's business. `None` without git,
/// as in an archive of the sources.
fn tracked_entries() -> Option<BTreeSet<String>> {
    let output =
        Command::new("git").arg("-C").arg(root()).args(["ls-files", "-z"]).output().ok()?;
    let paths = String::from_utf8_lossy(&output.stdout).into_owned();
    let entries: BTreeSet<String> = paths
        .split_terminator('\0')
        .filter_map(|path| path.split('/').next().map(str::to_owned))
        .collect();
    (output.status.success() && !entries.is_empty()).then_some(entries)
}

fn entries_of_the_folder() -> BTreeSet<String> {
    let entries = std::fs::read_dir(root()).expect("the root is readable");
    let names = entries.map(|entry| entry.expect("its entries are readable").file_name());
    names
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| !["runs", "target"].contains(&name.as_str()))
        .collect()
}

#[test]
fn source_files_stay_small() {
    let mut long = BTreeMap::new();
    for (folder, ..) in ARROWS {
        for path in files(folder, &[".rs", ".js", ".css"]) {
            let text = std::fs::read_to_string(root().join(&path)).expect("sources are text");
            let lines = text.lines().count();
            if lines > 800 {
                long.insert(path, lines);
            }
        }
    }
    assert!(long.is_empty(), "files past 800 lines: {long:?}");
}

#[test]
fn nothing_in_the_sources_names_a_machine() {
    // Written in parts, so that this file does not find itself.
    let banned = [
        ["/ro", "ot/"],
        ["/ho", "me/"],
        ["registry.np", "mjs"],
        ["pypi.", "org"],
        ["deb.deb", "ian"],
    ];
    for folder in ARROWS.map(|(folder, ..)| folder) {
        for path in
            files(folder, &[".rs", ".toml", ".md", ".js", ".css", ".html", ".proto", ".txt"])
        {
            let text = std::fs::read_to_string(root().join(&path)).expect("sources are text");
            for words in &banned {
                assert!(
                    !text.contains(&words.concat()),
                    "{} says {}",
                    path.display(),
                    words.concat()
                );
            }
        }
    }
}
