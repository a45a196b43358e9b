//! `rashomon bench` as a person meets it. How fast anything is, is nobody's business here.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const SHORT: [&str; 10] = [
    "--duration",
    "150ms",
    "--warm-up",
    "20ms",
    "--keys",
    "50",
    "--value-size",
    "10",
    "--rounds",
    "2",
];

fn bench(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rashomon"));
    command.arg("bench").args(args).env_remove("CLICOLOR_FORCE").env("NO_COLOR", "1");
    command
}

/// Measures nodes, with the folder of their data.
fn bench_node(out: &Path, args: &[&str]) -> Output {
    let out = out.to_str().unwrap();
    bench(&["node"]).args(SHORT).args(["--out", out]).args(args).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn every_turn_is_in_the_object_and_nothing_stays_behind() {
    let out = tempfile::tempdir().unwrap();
    let args = ["--nodes", "1", "--clients", "1,3", "--format", "json"];
    let output = bench_node(out.path(), &args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let figures: Value = serde_json::from_str(stdout(&output)).unwrap();
    let rounds = figures["rounds"].as_array().unwrap();
    let seen: Vec<_> = rounds
        .iter()
        .map(|round| (round["op"].as_str().unwrap(), round["clients"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        seen,
        [
            ("put", 1),
            ("put", 1),
            ("put", 3),
            ("put", 3),
            ("get", 1),
            ("get", 1),
            ("get", 3),
            ("get", 3)
        ]
    );
    for round in rounds {
        assert!(round["ok"].as_u64().unwrap() > 0, "{round}");
        let (p50, p99) = (round["p50_us"].as_f64().unwrap(), round["p99_us"].as_f64().unwrap());
        assert!(0.0 < p50 && p50 <= p99 && p99 <= round["max_us"].as_f64().unwrap(), "{round}");
        assert!(round["errors"].as_object().unwrap().is_empty(), "{round}");
    }
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0, "the data are removed");
}

#[test]
fn another_server_is_measured_in_turn() {
    // A bench of long turns serves as the other server: its node is found through its own log of arguments.
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other");
    let mut serving = bench(&[
        "node",
        "--nodes",
        "1",
        "--duration",
        "10m",
        "--rounds",
        "9",
        "--keys",
        "1",
        "--out",
    ])
    .arg(&other)
    .stdout(Stdio::null())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let mut said = BufReader::new(serving.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("writing 1 keys")), "it gets that far");
    let address = listening_child(serving.id());
    let args = ["--nodes", "1", "--clients", "2", "--ops", "put", "--endpoints", &address];
    let output = bench_node(folder.path(), &args);
    kill_process(Pid::from_child(&serving), Signal::INT).unwrap();
    assert_eq!(serving.wait().unwrap().code(), Some(130), "stopped, and said so");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let table = stdout(&output);
    for part in ["(1 process)", "bundled", "endpoints", "ratio", "ops/server CPU"] {
        assert!(table.contains(part), "{part} in {table}");
    }
    let order: Vec<&str> = stderr(&output)
        .lines()
        .filter_map(|line| line.split_once("turn ")?.1.split_once(": ")?.1.split(' ').next())
        .collect();
    assert_eq!(order, ["bundled", "endpoints", "endpoints", "bundled"], "each comes first once");
    assert_eq!(fs::read_dir(&other).unwrap().count(), 0, "the data are removed on Ctrl-C too");
}

/// Where the only child of a process serves clients: `--client` of its command line.
fn listening_child(parent: u32) -> String {
    let children = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let folder = entry.ok()?.path();
        let status = fs::read_to_string(folder.join("status")).ok()?;
        let of = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
        (of.trim() == parent.to_string()).then(|| fs::read(folder.join("cmdline")).ok())?
    });
    let line = children.last().unwrap();
    let words: Vec<&str> = std::str::from_utf8(&line).unwrap().split('\0').collect();
    let at = words.iter().position(|word| *word == "--client").unwrap();
    words[at + 1].to_owned()
}

#[test]
fn a_wrong_endpoint_is_named_before_anything_is_measured() {
    let out = tempfile::tempdir().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for (typed, told) in [
        (silent.as_str(), "does not answer as an etcd v3 server"),
        ("https://127.0.0.1:2379", "TLS is not spoken here"),
        ("here", "write it like 127.0.0.1:2379"),
    ] {
        let output = bench_node(out.path(), &["--endpoints", typed]);
        assert_eq!(output.status.code(), Some(254), "{typed}: {}", stderr(&output));
        assert!(stderr(&output).contains(told), "{typed}: {}", stderr(&output));
        assert!(stdout(&output).is_empty(), "{typed}");
    }
}

#[test]
fn a_link_is_measured_both_ways() {
    let small = ["proxy", "--round-trips", "50", "--bulk", "1MiB", "--rounds", "2"];
    let output = bench(&small).args(["--format", "json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let figures: Value = serde_json::from_str(stdout(&output)).unwrap();
    let turns = figures["rounds"].as_array().unwrap();
    assert_eq!(turns.len(), 2);
    for way in turns.iter().flat_map(|turn| [&turn["direct"], &turn["proxied"]]) {
        assert!(way["round_trip"]["p50_us"].as_f64().unwrap() > 0.0, "{way}");
        assert!(way["bytes_per_second"].as_f64().unwrap() > 0.0, "{way}");
    }
    let table = bench(&small).output().unwrap();
    for part in ["direct", "proxied", "added", "round trip p50", "bulk"] {
        assert!(stdout(&table).contains(part), "{part} in {}", stdout(&table));
    }
}

#[test]
fn the_simulator_is_measured_with_and_without_invariants_and_by_parts() {
    let small =
        ["sim", "--duration", "500ms", "--seeds", "3..5", "--rounds", "2", "--nodes", "3,1"];
    let output = bench(&small).args(["--format", "json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let figures: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(figures["seeds"], "3..5");
    let turns = figures["rounds"].as_array().unwrap();
    assert_eq!(turns.len(), 2 * 8, "two sizes idle and calm, storms, and all but idle twice");
    for turn in turns {
        assert!(turn["simulated_s"].as_f64().unwrap() > 1.0, "{turn}");
        assert!(turn["cpu_s"].as_f64().unwrap() > 0.0, "{turn}");
        assert!(turn["events"].as_u64().unwrap() > 0, "{turn}");
        assert_eq!(turn["failed"], 0, "{turn}");
    }
    for shares in figures["shares"].as_array().unwrap() {
        let parts = shares["parts"].as_object().unwrap();
        let sum: f64 = parts.values().map(|share| share.as_f64().unwrap()).sum();
        assert!(shares["looks"] == 0 || (sum - 1.0).abs() < 1e-6, "{shares}");
    }
    let table = bench(&small).output().unwrap();
    for part in ["sim s/CPU s", "idle", "calm", "storm", "letters", "invariants", "checker"] {
        assert!(stdout(&table).contains(part), "{part} in {}", stdout(&table));
    }
    let missing = bench(&["sim", "--seeds", "5..5"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(254), "{}", stderr(&missing));
}

#[test]
fn nothing_to_measure_is_a_usage_error_with_help() {
    let nothing = bench(&[]).output().unwrap();
    assert_eq!(nothing.status.code(), Some(254));
    for verb in ["node", "proxy", "sim"] {
        assert!(stderr(&nothing).contains(verb), "{}", stderr(&nothing));
    }
}
