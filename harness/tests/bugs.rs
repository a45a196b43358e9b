//! `rashomon bugs` as a person uses it: both backends, going on, being stopped, mistakes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn command(out: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rashomon"));
    command.arg("bugs").args(arguments).arg("--out").arg(out);
    command
}

fn bugs(out: &Path, arguments: &[&str]) -> Output {
    command(out, arguments).output().expect("the program that is tested is there")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Real processes: two leaders for each of two halves, which clients and the nodes' own logs show.
#[test]
fn a_bug_is_caught_with_real_processes() {
    let out = tempfile::tempdir().unwrap();
    let campaign =
        ["--backend", "process", "--only", "E11", "--seeds", "10", "--clean-budget", "1s"];
    let hunted = bugs(out.path(), &campaign);
    let told = text(&hunted.stdout);
    assert_eq!(hunted.status.code(), Some(0), "{told}{}", text(&hunted.stderr));
    assert!(told.contains("E  process  1 of 1 caught"), "{told}");
    let matrix = fs::read(out.path().join("kill-matrix.json")).unwrap();
    let matrix: serde_json::Value = serde_json::from_slice(&matrix).unwrap();
    let hunt = &matrix["rows"][0]["process"]["hunt"];
    let folder = out.path().join(hunt["example"]["folder"].as_str().unwrap());
    assert!(folder.join("history.jsonl").exists() && folder.join("report.html").exists());
    let kept = fs::read_dir(folder.parent().unwrap()).unwrap();
    let kept = kept.filter(|entry| entry.as_ref().unwrap().file_type().unwrap().is_dir()).count();
    assert_eq!(kept, 1, "only the example stays");
    // What is known is not hunted again.
    let again = bugs(out.path(), &campaign);
    assert_eq!(text(&again.stdout), told);
}

/// Values are right on every node, revisions are not: what is applied twice shows only to whoever compares replicas.
#[test]
fn replicas_that_differ_are_seen_where_clients_see_nothing() {
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().display().to_string();
    let run = |seed: &str| {
        let line = "run --bug replay-twice --faults kill-random --fault-interval 800ms --time-limit 5s --seed";
        let arguments = line.split(' ').chain([seed, "--format", "json", "--out", &folder]);
        let ran = Command::new(env!("CARGO_BIN_EXE_rashomon")).args(arguments).output().unwrap();
        let verdict: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
        let differs = verdict["findings"].to_string().contains("same-state");
        assert!(!differs || ran.status.code() != Some(0), "{verdict}");
        differs
    };
    assert!(["1", "2", "3"].into_iter().any(run), "a node that was killed applies twice");
}

/// A child that would go on if the test broke off.
struct Endless(Child);

impl Drop for Endless {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A signal ends what is under way; what was found by then stays.
#[test]
fn a_hunt_can_be_stopped_and_gone_on_with() {
    let out = tempfile::tempdir().unwrap();
    let campaign = ["--only", "ack-on-append", "--seeds", "3", "--time-budget", "10m"];
    let endless = ["--clean-budget", "10m", "--seeds", "1000000", "--only", "ack-on-append"];
    let mut hunting =
        Endless(command(out.path(), &endless).stderr(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(hunting.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let caught = lines.find(|line| line.starts_with("ack-on-append (sim): caught in 1 of"));
    assert!(caught.is_some(), "it is caught sooner or later");
    let pid = rustix::process::Pid::from_child(&hunting.0);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let rest: Vec<String> = lines.collect();
    assert_eq!(hunting.0.wait().unwrap().code(), Some(130), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("goes on from here")), "{rest:?}");
    assert!(!out.path().join("kill-matrix.json").exists());
    let gone_on = bugs(out.path(), &campaign);
    assert_eq!(gone_on.status.code(), Some(0), "{}", text(&gone_on.stderr));
    assert!(out.path().join("kill-matrix.html").exists());
    assert!(out.path().join("examples/ack-on-append.txt").exists());
}

#[test]
fn mistakes_are_answered_with_what_would_be_right() {
    let out = tempfile::tempdir().unwrap();
    for (arguments, part) in [
        (&["--only", "figure-9"][..], "did you mean \"figure-8\""),
        (&["--class", "X"], "[possible values: E, M, H, VH]"),
        (&["--backend", "docker"], "[possible values: sim, process, both]"),
        (&["--time-budget", "soon"], "--time-budget"),
        (&["--jobs", "0"], "1..=512"),
    ] {
        let answer = bugs(out.path(), arguments);
        assert_eq!(answer.status.code(), Some(254), "{arguments:?}: {}", text(&answer.stderr));
        assert!(text(&answer.stderr).contains(part), "{arguments:?}: {}", text(&answer.stderr));
    }
    let file = out.path().join("file");
    fs::write(&file, "").unwrap();
    let answer = bugs(&file, &["--only", "E11"]);
    assert_eq!(answer.status.code(), Some(255), "{}", text(&answer.stderr));
    assert!(text(&answer.stderr).contains(&file.display().to_string()));
}
