use rashomon_checker::Value;
use rashomon_checker::history::{Event, EventKind, ProcessId};

use super::*;
use crate::nemesis::{FaultPhase, FaultRecord};
use crate::runner::final_reads::FinalReads;

/// Thirty answers, the first after a millisecond and a half: a write, then reads.
fn history() -> Vec<Event> {
    (0..30).map(|index| answer(index, if index == 0 { "write" } else { "read" })).collect()
}

fn answer(index: u64, f: &str) -> Event {
    Event {
        index,
        time: Some(1_500_000 + index),
        process: ProcessId(0),
        kind: EventKind::Ok,
        f: f.to_owned(),
        key: Some("k1".to_owned()),
        value: Value::Nil,
        node: None,
        error: None,
    }
}

fn evidence(history: &[Event]) -> Evidence<'_> {
    Evidence {
        history,
        load_events: history.len() as u64,
        clients: 10,
        faults_wanted: false,
        faults: &[],
        final_reads: FinalReads { wanted: 1, answered: 1 },
        unexpected_exits: &[],
        not_healed: &[],
        interrupted: false,
    }
}

fn checked(validity: Validity, reason: Option<&str>) -> Checked {
    let report = CheckReport {
        validity,
        reason: reason.map(str::to_owned),
        operations: 2,
        crashed: 0,
        keys: 1,
        configurations: 2,
        engines: Vec::new(),
        impossible_from: None,
        counterexample: None,
        linearizations: Vec::new(),
    };
    Checked { report, seconds: 0.25 }
}

fn verdict(evidence: &Evidence<'_>, checked: Checked) -> VerdictRecord {
    let commands = Commands {
        run_again: String::new(),
        check_again: String::new(),
        report_again: String::new(),
    };
    let plan = crate::runner::tests::plan(rashomon_workloads::by_name("register").unwrap(), 1);
    let others = Others {
        leader_changes: 3,
        signalled: true,
        differing: None,
        testimony: &Testimony::default(),
    };
    judge(&plan, evidence, checked, &others, commands)
}

#[test]
fn a_covered_run_without_a_violation_is_valid() {
    let history = history();
    let verdict = verdict(&evidence(&history), checked(Validity::Valid, None));
    assert_eq!(verdict.validity, Validity::Valid);
    assert_eq!(verdict.reasons, [""; 0]);
    assert_eq!(
        verdict.sentence,
        "linearizable: 30 operations on 1 key (30 ok, 0 fail, 0 info); checked in 0.2 s"
    );
    assert_eq!((verdict.leader_changes, verdict.first_ok_ms), (3, Some(1.5)));
}

#[test]
fn a_gap_makes_a_valid_history_an_unknown_run() {
    let verdict = verdict(&evidence(&[]), checked(Validity::Valid, None));
    assert_eq!(verdict.validity, Validity::Unknown);
    assert!(verdict.sentence.starts_with("unknown: no read was answered"), "{}", verdict.sentence);
}

#[test]
fn a_violation_is_one_whatever_was_not_covered() {
    let exits = ["n1 ended with signal 6".to_owned()];
    let evidence = Evidence { unexpected_exits: &exits, interrupted: true, ..evidence(&[]) };
    let verdict = verdict(&evidence, checked(Validity::Invalid, Some("p3 read an old value")));
    assert_eq!(verdict.validity, Validity::Invalid);
    assert_eq!(verdict.sentence, "not linearizable: p3 read an old value");
    assert_eq!(verdict.reasons.len(), 5, "what was missing is told: {:?}", verdict.reasons);
}

#[test]
fn a_search_that_ran_out_comes_before_other_reasons() {
    let verdict = verdict(&evidence(&[]), checked(Validity::Unknown, Some("the time was over")));
    assert_eq!(verdict.validity, Validity::Unknown);
    assert_eq!(verdict.reasons[0], "the time was over");
    assert_eq!(verdict.reasons.len(), 4);
}

#[test]
fn only_a_search_that_was_told_to_stop_is_told_with_the_cause() {
    let reason = |reason: &str| {
        let mut report = checked(Validity::Unknown, Some(reason)).report;
        report.name_the_stop("checking took longer than 60 s");
        report.reason.unwrap()
    };
    let stopped = reason("the check was told to stop: 2 of 9 objects undecided");
    assert_eq!(stopped, "checking took longer than 60 s: 2 of 9 objects undecided");
    let full = "the memory budget of 2048 MiB is used up: 2 of 9 objects undecided";
    assert_eq!(reason(full), full, "however late it is by then");
}

#[test]
fn faults_through_which_nothing_succeeded_are_noted_on_a_valid_run() {
    let history = history();
    let life = |phase, time| FaultRecord {
        id: 0,
        phase,
        time,
        fault: "kill-all".to_owned(),
        duration: 1,
        nodes: Vec::new(),
        links: Vec::new(),
        receipt: None,
    };
    let faults = [
        life(FaultPhase::Planned, 0),
        life(FaultPhase::Installed, 0),
        life(FaultPhase::Healed, 1_000_000),
    ];
    let evidence = Evidence { clients: 0, faults: &faults, ..evidence(&history) };
    let verdict = verdict(&evidence, checked(Validity::Valid, None));
    assert_eq!(verdict.validity, Validity::Valid);
    assert_eq!(verdict.reasons, ["no operation succeeded while a fault was in force"]);
}

#[test]
fn a_run_that_was_stopped_early_says_so_and_may_be_valid() {
    let history = history();
    let evidence = Evidence { interrupted: true, ..evidence(&history) };
    let verdict = verdict(&evidence, checked(Validity::Valid, None));
    assert_eq!(verdict.validity, Validity::Valid);
    assert_eq!(verdict.reasons, ["stopped early by a signal"]);
}
