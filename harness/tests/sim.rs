//! `rashomon sim` as a person uses it: the same bytes in every process, verdicts, exit codes, mistakes.

use std::process::{Command, Output};

fn rashomon(arguments: &[&str]) -> Output {
    let ran = Command::new(env!("CARGO_BIN_EXE_rashomon")).args(arguments).output();
    ran.expect("the program that is tested is there")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_seed_is_the_same_run_in_every_process() {
    let traces = || {
        let out = rashomon(&["sim", "--seeds", "0..20", "--hash-only", "--time-limit", "2s"]);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        text(&out.stdout)
    };
    let (one, other) = (traces(), traces());
    assert_eq!(one, other);
    assert_eq!(one.lines().count(), 20);
    let distinct: std::collections::BTreeSet<&str> =
        one.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(distinct.len(), 20, "each seed goes its own way");
}

#[test]
fn the_number_of_jobs_changes_nothing_but_the_speed() {
    let summary = |jobs| {
        let arguments = ["sim", "--seeds", "3..9", "--time-limit", "1s", "--format", "json"];
        text(&rashomon(&[&arguments[..], &["--jobs", jobs]].concat()).stdout)
    };
    assert_eq!(summary("1"), summary("3"));
}

#[test]
fn a_built_in_bug_is_found_and_said_so() {
    let out = rashomon(&["sim", "--seeds", "0..20", "--bug", "ack-on-append", "--no-shrink"]);
    assert_eq!(out.status.code(), Some(1), "{}", text(&out.stderr));
    let told = text(&out.stdout);
    assert!(told.contains("seed ") && told.contains("trace "), "{told}");
}

#[test]
fn mistakes_are_answered_with_what_would_be_right() {
    for (arguments, part) in [
        (&["sim", "--seeds", "7"][..], "0..1000"),
        (&["sim", "--seeds", "7..7"], "below the last"),
        (&["sim", "--seed", "1", "--seeds", "0..2"], "cannot be used with"),
        (&["sim", "--bug", "figure-9"], "did you mean \"figure-8\""),
        (&["sim", "--faults", "kil"], "did you mean \"kill\""),
        (&["sim", "--workload", "regster"], "did you mean \"register\""),
        (&["sim", "--without", "one-vot"], "did you mean \"one-vote\""),
        (&["sim", "--nodes", "0"], "1..=9"),
    ] {
        let out = rashomon(arguments);
        assert_eq!(out.status.code(), Some(254), "{arguments:?}: {}", text(&out.stderr));
        assert!(text(&out.stderr).contains(part), "{arguments:?}: {}", text(&out.stderr));
    }
}

#[test]
fn time_that_is_over_before_the_seeds_is_no_verdict() {
    let out = rashomon(&["sim", "--seeds", "0..100000", "--time-budget", "200ms"]);
    assert_eq!(out.status.code(), Some(2), "{}", text(&out.stderr));
    assert!(text(&out.stdout).contains("the time was over"), "{}", text(&out.stdout));
}
