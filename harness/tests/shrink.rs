//! Failing runs made small, kept in a folder, and seen again, as a person does it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn rashomon(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rashomon")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// An empty folder of this test alone.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shrink").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Seeds with a bug that clients notice soon.
const SEEDS: [&str; 12] = [
    "sim",
    "--seeds",
    "0..40",
    "--bug",
    "commit-minority",
    "--without",
    "all",
    "--nodes",
    "3",
    "--workload",
    "register",
    "--time-limit=3s",
];

#[test]
fn the_first_seed_that_fails_is_made_small_and_fails_again_in_the_same_way() {
    let folder = folder("campaign");
    let out = folder.to_str().unwrap();
    let arguments = ["--out", out, "--shrink-budget", "50"];
    let first = rashomon(&[&SEEDS[..], &arguments].concat());
    let told = text(&first.stdout);
    assert_eq!(first.status.code(), Some(1), "{told}{}", text(&first.stderr));
    assert!(told.contains("  shrunk       ") && told.contains("operations -> "), "{told}");
    let schedule = folder.join("schedule.txt");
    let command = format!("rashomon sim --replay {}", schedule.display());
    assert!(told.contains(&command), "{told}");
    assert!(fs::read_to_string(&schedule).unwrap().lines().any(|line| line.starts_with("end ")));

    let trace = fs::read_to_string(folder.join("trace.txt")).unwrap();
    let (_, found) = trace.lines().last().unwrap().trim_start().split_once(' ').unwrap();
    let (oracle, _) = found.split_once(": ").unwrap();
    assert!(told.contains(&format!("    {oracle} at ")), "{trace}\n{told}");
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    for part in ["class=\"sequence\"", "class=\"letter\"", "omit c", &command] {
        assert!(page.contains(part), "{part}");
    }

    let again = rashomon(&["sim", "--replay", schedule.to_str().unwrap()]);
    let told_again = text(&again.stdout);
    assert_eq!(again.status.code(), Some(1), "{told_again}{}", text(&again.stderr));
    let finding = |told: &str| {
        told.lines().find_map(|line| Some(line.trim().split_once(" at ")?.0.to_owned()))
    };
    assert_eq!(finding(&told), finding(&told_again));
    let history = fs::read_to_string(folder.join("history.jsonl")).unwrap();
    assert!(history.lines().count() < 60, "{history}");
}

#[test]
fn a_schedule_is_the_run_of_its_seed() {
    let folder = folder("schedule");
    let schedule = folder.join("schedule.txt");
    let schedule = schedule.to_str().unwrap();
    let seed = ["sim", "--seed", "11", "--time-limit", "2s", "--hash-only"];
    let one = rashomon(&[&seed[..], &["--schedule", schedule]].concat());
    let other = rashomon(&["sim", "--replay", schedule, "--hash-only"]);
    assert_eq!(text(&one.stdout), text(&other.stdout));
    assert_eq!(one.status.code(), other.status.code());
}

#[test]
fn mistakes_in_a_schedule_are_told_by_file_and_line() {
    let folder = folder("mistakes");
    let schedule = folder.join("wrong.txt");
    let file = schedule.to_str().unwrap();
    for (content, parts) in [
        (
            "seed 1\nnodes 3\nat 1s for 1s maim n1\n",
            ["wrong.txt: line 3: nobody can \"maim\"", "expected links"],
        ),
        ("seed 1\n", ["wrong.txt: line 2: nobody said \"nodes\"", "expected \"nodes NUMBER\""]),
    ] {
        fs::write(&schedule, content).unwrap();
        let out = rashomon(&["sim", "--replay", file]);
        let said = text(&out.stderr);
        assert_eq!(out.status.code(), Some(254), "{said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    }
    let out = rashomon(&["sim", "--replay", folder.join("none.txt").to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(254));
    assert!(text(&out.stderr).contains("none.txt: "), "{}", text(&out.stderr));
    let out = rashomon(&["sim", "--replay", file, "--seed", "3"]);
    assert!(text(&out.stderr).contains("cannot be used with"), "{}", text(&out.stderr));
}
