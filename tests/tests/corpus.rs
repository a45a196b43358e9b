//! Every real history of the corpus gets the verdict that is known for it, within the default budget of `check`.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rashomon::codec::{LoadedHistory, read_history};
use rashomon_checker::Value;
use rashomon_checker::check::{CheckOptions, CheckReport, ModelKind, Validity, check};
use rashomon_tests::corpus::{self, Known};

/// Files that need more than the default budget, each with a reason. None does.
const MORE_THAN_THE_BUDGET: [&str; 0] = [];

/// The default limits of `rashomon check`.
const TIME_LIMIT: Duration = Duration::from_secs(60);
const MEMORY_BYTES_MAX: usize = 2 << 30;

fn model_of(known: &Known) -> ModelKind {
    let name = if known.model == "kv" { "key-value" } else { &known.model };
    ModelKind::from_name(name).unwrap_or_else(|| panic!("{}: model {name}", known.file))
}

fn initial_of(known: &Known) -> Value {
    match known.initial.as_str() {
        "" | "nil" | "free" => Value::Nil,
        "0" | "{:x 0 :y 0}" => Value::Int(0),
        other => panic!("{}: initial value {other}", known.file),
    }
}

fn judge(known: &Known, loaded: &LoadedHistory, path: &Path, threads: usize) -> CheckReport {
    let started = Instant::now();
    let options = CheckOptions {
        memory_bytes_max: MEMORY_BYTES_MAX,
        should_stop: &|| started.elapsed() > TIME_LIMIT,
        threads,
        initial: Some(initial_of(known)),
        failed_cas_observed: known.variant == "failed-cas-observed",
        ..CheckOptions::default()
    };
    let history = loaded.history(path).unwrap_or_else(|error| panic!("{error}"));
    check(&history, model_of(known), &options).unwrap_or_else(|error| panic!("{error}"))
}

/// The verdicts, the counts, the conventions that each format implies, and the same report from one thread and four.
#[test]
fn all_known_verdicts_hold() {
    let Some(folder) = corpus::folder() else { return };
    let verdicts = corpus::verdicts(&folder);
    assert!(verdicts.len() >= 113, "only {} verdicts are known", verdicts.len());
    let mut wrong = Vec::new();
    for known in &verdicts {
        if MORE_THAN_THE_BUDGET.contains(&known.file.as_str()) {
            continue;
        }
        let path = folder.join(&known.file);
        let loaded = read_history(&path, None).unwrap_or_else(|error| panic!("{error}"));
        let report = judge(known, &loaded, &path, 1);
        let expected = if known.valid { Validity::Valid } else { Validity::Invalid };
        if report.validity != expected {
            wrong.push(format!("{}: {:?} {:?}", known.file, report.validity, report.reason));
        }
        assert_eq!(report.operations, known.operations, "operations of {}", known.file);
        assert_eq!(report.crashed, known.crashed, "crashed operations of {}", known.file);
        assert_eq!(report.counterexample.is_some(), !known.valid, "{}", known.file);
        let observed = known.variant == "failed-cas-observed";
        assert_eq!(loaded.failed_cas_observed, observed, "convention of {}", known.file);
        if !["free", ""].contains(&known.initial.as_str()) {
            assert_eq!(loaded.initial, initial_of(known), "initial value of {}", known.file);
        }
        assert_eq!(
            serde_json::to_string(&report).unwrap(),
            serde_json::to_string(&judge(known, &loaded, &path, 4)).unwrap(),
            "{}: four threads report otherwise than one",
            known.file
        );
    }
    assert!(wrong.is_empty(), "wrong verdicts:\n{}", wrong.join("\n"));
}

/// The counterexample of every invalid history is impossible by itself, by the same check.
#[test]
fn counterexamples_stand_by_themselves() {
    let Some(folder) = corpus::folder() else { return };
    for known in corpus::verdicts(&folder).iter().filter(|known| !known.valid) {
        let path = folder.join(&known.file);
        let loaded = read_history(&path, None).unwrap_or_else(|error| panic!("{error}"));
        let counterexample = judge(known, &loaded, &path, 1).counterexample.unwrap();
        let positions: Vec<u64> = counterexample
            .operations
            .iter()
            .flat_map(|operation| [Some(operation.call), operation.ret])
            .flatten()
            .collect();
        let mut alone = loaded.clone();
        alone.events = positions_of(&loaded, positions);
        alone.lines = vec![0; alone.events.len()];
        let report = judge(known, &alone, &path, 1);
        assert_eq!(report.validity, Validity::Invalid, "{}: {counterexample:#?}", known.file);
        assert!(counterexample.minimal, "{}: {counterexample:#?}", known.file);
    }
}

fn positions_of(
    loaded: &LoadedHistory,
    mut positions: Vec<u64>,
) -> Vec<rashomon_checker::history::Event> {
    positions.sort_unstable();
    positions.iter().map(|position| loaded.events[*position as usize].clone()).collect()
}

/// The built program over many files at once: a line each, and the exit code of the worst.
#[test]
fn the_program_reports_each_file_and_the_worst_exit_code() {
    let Some(folder) = corpus::folder() else { return };
    let Some(program) = program() else { return };
    let run = |arguments: &[&str]| {
        Command::new(&program).arg("check").args(arguments).current_dir(&folder).output().unwrap()
    };
    let good = run(&["porcupine/c01-ok.txt", "knossos/cas-register-bug.edn"]);
    assert_eq!(good.status.code(), Some(0));
    let text = String::from_utf8(good.stdout).unwrap();
    assert!(text.starts_with("porcupine/c01-ok.txt: valid (58 operations, 0 crashed, "), "{text}");
    assert_eq!(text.lines().count(), 2);

    let mixed = run(&["--format", "json", "porcupine/c01-bad.txt", "absent.edn", "README.md"]);
    assert_eq!(mixed.status.code(), Some(1), "invalid comes before bad input");
    let objects = String::from_utf8(mixed.stdout).unwrap();
    assert_eq!(objects.lines().count(), 3, "an object for every file: {objects}");
    let object: serde_json::Value = serde_json::from_str(objects.lines().next().unwrap()).unwrap();
    assert_eq!(object["valid"], serde_json::Value::Bool(false));
    assert_eq!(object["model"], "key-value");
    assert_eq!(object["operations"], 38);
    let errors = String::from_utf8(mixed.stderr).unwrap();
    assert_eq!(errors.lines().count(), 2, "{errors}");

    let bad = run(&["README.md"]);
    assert_eq!(bad.status.code(), Some(254));
    let stopped = run(&["--memory-limit", "1", "porcupine/c10-ok.txt"]);
    assert_eq!(stopped.status.code(), Some(2), "{stopped:?}");
}

/// The page of all invalid histories: a section and a picture for each, in a size that a browser takes.
#[test]
fn the_program_draws_all_counterexamples_on_one_page() {
    let Some(folder) = corpus::folder() else { return };
    let Some(program) = program() else { return };
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("page.html");
    let all = corpus::verdicts(&folder);
    let (good, bad): (Vec<_>, Vec<_>) = all.iter().partition(|known| known.valid);
    let named = good.iter().chain(&bad).map(|known| &known.file);
    let mut command = Command::new(&program);
    command.args(["check", "--report"]).arg(&path).args(named).current_dir(&folder);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(page.len() < 5_000_000, "{} bytes", page.len());
    assert_eq!(page.matches("<details class=\"case\"").count(), bad.len());
    assert_eq!(page.matches("<svg class=\"picture\"").count(), bad.len());
    assert_eq!(page.matches("● valid").count(), good.len());
}

/// The built `rashomon`, beside this test.
#[expect(clippy::print_stderr, reason = "a test that skips itself must say so")]
fn program() -> Option<std::path::PathBuf> {
    let here = std::env::current_exe().expect("a test has a path");
    let program = here.ancestors().nth(2)?.join("rashomon");
    if program.is_file() {
        return Some(program);
    }
    eprintln!("{} is not built, skipped", program.display());
    None
}
