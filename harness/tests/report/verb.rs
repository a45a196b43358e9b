//! `rashomon report RUN_FOLDER`, as a process of its own.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use rashomon::report::{self, RunRecord};
use serde::Serialize;
use tempfile::TempDir;

use super::samples;

fn lines<T: Serialize>(records: &[T]) -> String {
    records.iter().map(|record| serde_json::to_string(record).unwrap() + "\n").collect()
}

/// A run folder as a run leaves it.
fn saved(run: &RunRecord) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    write("plan.json", serde_json::to_string_pretty(&run.plan).unwrap());
    write("history.jsonl", lines(&run.history));
    write("faults.jsonl", lines(&run.faults));
    write("verdict.json", serde_json::to_string_pretty(&run.verdict).unwrap());
    folder
}

fn rashomon(folder: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rashomon"))
        .arg("report")
        .arg(folder)
        .args(more)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The verb fails with 254 and says these things.
fn assert_refused(folder: &Path, says: &[&str]) {
    let output = rashomon(folder, &[]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(254), "{stderr}");
    assert_eq!(text(&output.stdout), "");
    for part in says {
        assert!(stderr.contains(part), "{part:?} is not in {stderr:?}");
    }
}

#[test]
fn a_saved_run_gives_the_page_that_the_run_gave() {
    let run = samples::stale_read();
    let folder = saved(&run);
    let output = rashomon(folder.path(), &[]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let path = folder.path().join("report.html");
    assert_eq!(text(&output.stdout).trim_end(), path.display().to_string());
    assert_eq!(fs::read_to_string(&path).unwrap(), report::render(&run));
    let names: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 5, "no draft is left behind: {names:?}");
}

#[test]
fn programs_are_told_where_the_page_is() {
    let folder = saved(&samples::unknown());
    let elsewhere = folder.path().join("page.html");
    let output =
        rashomon(folder.path(), &["--format", "json", "--output", elsewhere.to_str().unwrap()]);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["report"], elsewhere.to_str().unwrap());
    assert_eq!((&told["validity"], &told["warnings"]), (&"unknown".into(), &serde_json::json!([])));
    assert_eq!(told["bytes"], fs::metadata(&elsewhere).unwrap().len());
    assert!(!folder.path().join("report.html").exists());
}

#[test]
fn what_a_crash_tore_is_left_out_with_a_warning() {
    let folder = saved(&samples::stale_read());
    for name in ["history.jsonl", "faults.jsonl"] {
        let whole = fs::read_to_string(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name), &whole[..whole.len() - 9]).unwrap();
    }
    let output = rashomon(folder.path(), &[]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let warnings: Vec<_> = stderr.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert_eq!(warnings.len(), 2, "{stderr}");
    assert!(stderr.contains("history.jsonl") && stderr.contains("faults.jsonl"), "{stderr}");
}

#[test]
fn a_run_without_faults_need_not_have_the_file() {
    let folder = saved(&samples::nine_nodes());
    fs::remove_file(folder.path().join("faults.jsonl")).unwrap();
    assert_eq!(rashomon(folder.path(), &[]).status.code(), Some(0));
}

#[test]
fn what_is_missing_is_named_with_a_hint() {
    assert_refused(Path::new("no/such/run"), &["no/such/run", "no such run folder"]);
    for (name, hint) in [
        ("plan.json", "is this a run folder?"),
        ("verdict.json", "rashomon check"),
        ("history.jsonl", "before its first operation"),
    ] {
        let folder = saved(&samples::nothing());
        fs::remove_file(folder.path().join(name)).unwrap();
        assert_refused(folder.path(), &[name, hint]);
    }
}

#[test]
fn files_of_a_newer_tool_are_refused() {
    for name in ["plan.json", "verdict.json"] {
        let folder = saved(&samples::nothing());
        fs::write(folder.path().join(name), "{\"schema_version\": 7, \"all\": \"else differs\"}")
            .unwrap();
        assert_refused(folder.path(), &[name, "schema version 7", "knows 1"]);
    }
}

#[test]
fn broken_files_are_named_with_line_and_reason() {
    for name in ["plan.json", "verdict.json"] {
        let folder = saved(&samples::nothing());
        fs::write(folder.path().join(name), "{\n\"schema_version\": 1,\n\"seed\": ???").unwrap();
        assert_refused(folder.path(), &[name, "line 3"]);
    }
    for name in ["faults.jsonl", "history.jsonl"] {
        let folder = saved(&samples::stale_read());
        let path = folder.path().join(name);
        let mut content: Vec<String> =
            fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
        content[1] = "{\"no\": 1}".to_owned();
        fs::write(&path, content.join("\n") + "\n").unwrap();
        let place = if name == "faults.jsonl" { "line 2" } else { ":2" };
        assert_refused(folder.path(), &[name, place]);
    }
}
