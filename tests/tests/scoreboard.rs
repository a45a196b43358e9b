//! The scoreboard: the harness finds every built-in bug with the command that `rashomon list bugs` names for it, and finds
//! nothing in the correct build.
//!
//! A single run of a real cluster can miss a bug; ten in a row do not. What a run says besides "valid", "invalid" and
//! "unknown" is trouble of the harness and fails the scoreboard at once: exit code 1 is the only one that counts.

#![expect(clippy::print_stderr, reason = "the scoreboard is to be seen")]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rashomon_tests::node_process::binary;
use tempfile::TempDir;

/// Runs that a bug may take.
const RUNS_MAX: u64 = 10;

/// Runs of the correct build.
const CLEAN_RUNS: u64 = 2;

/// Runs at a time. Faults in clusters that starve each other's processes show little.
const AT_A_TIME: usize = 2;

/// The program: `RASHOMON_BINARY`, say a release build, or the one that was built with this test.
fn program() -> PathBuf {
    std::env::var_os("RASHOMON_BINARY").map_or_else(binary, |given| {
        // Tests run in the folder of their package, commands are given at the root.
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        root.join(given)
    })
}

fn rashomon(arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.args(arguments).output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Something to run again and again.
#[derive(Debug, Clone)]
struct Contest {
    name: String,
    /// What follows `rashomon run`.
    arguments: String,
}

impl Contest {
    /// One run, and its exit code; what was said if that is none of a verdict.
    fn run(&self, seed: u64) -> Result<i32, String> {
        let out = TempDir::new().expect("a temporary folder can be made");
        let (seed, folder) = (seed.to_string(), out.path().display().to_string());
        let mut arguments = vec!["run", "--seed", &seed, "--out", &folder, "--keep-data", "never"];
        // One violation is all that is wanted.
        arguments.push("--stop-at-violation");
        arguments.extend(self.arguments.split_whitespace());
        let output = rashomon(&arguments);
        match output.status.code() {
            Some(code @ 0..=2) => Ok(code),
            code => {
                let said = String::from_utf8_lossy(&output.stderr);
                Err(format!("{} ended with {code:?}:\n{said}", arguments.join(" ")))
            }
        }
    }

    /// How many runs it took until one ended with 1; `None` if none did, or `stop` is set.
    fn runs_until_caught(&self, stop: &AtomicBool) -> Result<Option<u64>, String> {
        for seed in (1..=RUNS_MAX).take_while(|_| !stop.load(Ordering::Relaxed)) {
            if self.run(seed)? == 1 {
                return Ok(Some(seed));
            }
        }
        Ok(None)
    }
}

/// The built-in bugs with what catches each; those without are not measured on real processes yet.
fn bugs() -> Vec<Contest> {
    let list = rashomon(&["list", "bugs", "--format", "json"]);
    let list: serde_json::Value =
        serde_json::from_slice(&list.stdout).expect("a list for scripts is JSON");
    let text = |bug: &serde_json::Value, field: &str| {
        bug[field].as_str().unwrap_or_else(|| panic!("{field} of {bug}")).to_owned()
    };
    let bugs = list["bugs"].as_array().expect("the list has the bugs");
    bugs.iter()
        .filter(|bug| bug["caught_by"].is_string())
        .map(|bug| Contest { name: text(bug, "name"), arguments: text(bug, "caught_by") })
        .collect()
}

/// Does `work` for each of `tasks`, some at a time; the results are in the order of the tasks. The first error stops all.
fn each<T: Sync, R: Send>(
    tasks: &[T],
    work: impl Fn(&T, &AtomicBool) -> Result<R, String> + Sync,
) -> Result<Vec<R>, String> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let worker = || {
        let mut done = Vec::new();
        while let Some((at, task)) = next_of(tasks, &next).filter(|_| !stop.load(Ordering::Relaxed))
        {
            let result = work(task, &stop).inspect_err(|_| stop.store(true, Ordering::Relaxed));
            done.push((at, result));
        }
        done
    };
    let mut done = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(worker)).collect();
        let done = workers.into_iter().map(|worker| worker.join().expect("a worker lives on"));
        done.flatten().collect::<Vec<_>>()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

fn next_of<'a, T>(tasks: &'a [T], next: &AtomicUsize) -> Option<(usize, &'a T)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    Some((at, tasks.get(at)?))
}

#[test]
#[ignore = "takes minutes; .ci/run runs it on the release build"]
fn every_bug_is_caught() {
    let bugs = bugs();
    assert!(!bugs.is_empty(), "there are bugs to find");
    let runs = each(&bugs, Contest::runs_until_caught).unwrap_or_else(|error| panic!("{error}"));
    let mut board = String::from("bug                  runs  command\n");
    for (Contest { name, arguments }, runs) in bugs.iter().zip(&runs) {
        let runs = runs.map_or_else(|| "never".to_owned(), |runs| runs.to_string());
        let _ = writeln!(board, "{name:20} {runs:>5}  rashomon run {arguments}");
    }
    eprint!("{board}");
    assert!(runs.iter().all(Option::is_some), "a bug was never caught:\n{board}");
}

#[test]
#[ignore = "takes minutes; .ci/run runs it on the release build"]
fn a_correct_build_is_accused_of_nothing() {
    let clean = Contest { name: "none".to_owned(), arguments: String::new() };
    let seeds: Vec<u64> = (1..=CLEAN_RUNS).collect();
    let codes = each(&seeds, |seed, _| clean.run(*seed)).unwrap_or_else(|error| panic!("{error}"));
    assert!(codes.iter().all(|code| *code == 0), "exit codes of seeds {seeds:?}: {codes:?}");
}
