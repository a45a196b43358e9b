use rashomon_checker::Value;
use rashomon_checker::history::ProcessId;

use super::*;

fn event(f: &str, kind: EventKind, time: u64) -> Event {
    Event {
        index: 0,
        time: Some(time),
        process: ProcessId(0),
        kind,
        f: f.to_owned(),
        key: Some("k1".to_owned()),
        value: Value::Nil,
        node: None,
        error: None,
    }
}

fn fault(id: u32, phase: FaultPhase, time: u64) -> FaultRecord {
    FaultRecord {
        id,
        phase,
        time,
        fault: "kill-leader".to_owned(),
        duration: 10,
        nodes: Vec::new(),
        links: Vec::new(),
        receipt: None,
    }
}

fn life(id: u32, from: u64, to: u64) -> Vec<FaultRecord> {
    vec![
        fault(id, FaultPhase::Planned, 0),
        fault(id, FaultPhase::Installed, from),
        fault(id, FaultPhase::Healed, to),
    ]
}

/// `count` answered reads, one every nanosecond from `from`.
fn reads(from: u64, count: u64) -> Vec<Event> {
    (from..from + count).map(|time| event("read", EventKind::Ok, time)).collect()
}

fn evidence<'a>(history: &'a [Event], faults: &'a [FaultRecord]) -> Evidence<'a> {
    Evidence {
        history,
        faults,
        final_reads: FinalReads { wanted: 3, answered: 3 },
        unexpected_exits: &[],
        not_healed: &[],
        interrupted: false,
    }
}

fn gaps(evidence: &Evidence<'_>) -> Vec<String> {
    Coverage::of(evidence.history, evidence.faults).gaps(evidence)
}

#[test]
fn a_run_that_looked_before_during_and_after_a_fault_passes() {
    let (history, faults) = (reads(0, 200), life(0, 50, 100));
    assert_eq!(gaps(&evidence(&history, &faults)), [""; 0]);
    let coverage = Coverage::of(&history, &faults);
    assert_eq!((coverage.ok_during_faults, coverage.ok_after_faults), (50, 100));
    assert_eq!(coverage.first_ok, Some(0));
    assert_eq!(
        coverage.faults,
        FaultCounts { planned: 1, installed: 1, not_installed: 0, healed: 1 }
    );
}

#[test]
fn overlapping_faults_count_an_operation_once() {
    let faults = [life(0, 10, 60), life(1, 40, 90)].concat();
    let coverage = Coverage::of(&reads(0, 100), &faults);
    assert_eq!((coverage.ok_during_faults, coverage.ok_after_faults), (80, 10));
}

#[test]
fn a_run_without_faults_needs_none() {
    let history = reads(0, 5);
    assert_eq!(gaps(&evidence(&history, &[])), [""; 0]);
}

#[test]
fn nothing_read_is_nothing_seen() {
    let history = vec![event("write", EventKind::Ok, 1), event("read", EventKind::Fail, 2)];
    assert_eq!(gaps(&evidence(&history, &[])), ["no read was answered, so nothing was seen"]);
    assert_eq!(gaps(&evidence(&[], &[])).len(), 1, "an empty run says nothing");
}

#[test]
fn mostly_unknown_outcomes_are_no_test() {
    let mut history = reads(0, 10);
    history.extend((0..10).map(|time| event("write", EventKind::Info, time)));
    assert_eq!(gaps(&evidence(&history, &[])), [""; 0], "half is allowed");
    history.push(event("write", EventKind::Info, 11));
    assert_eq!(gaps(&evidence(&history, &[])), ["11 of 21 operations have an unknown outcome"]);
}

#[test]
fn faults_must_bite() {
    let history = reads(0, 200);
    let planned: Vec<_> = (0..4).map(|id| fault(id, FaultPhase::Planned, 0)).collect();
    let none = gaps(&evidence(&history, &planned));
    assert_eq!(none, ["none of 4 planned faults took effect"]);

    let mut some = planned.clone();
    some.extend(life(0, 50, 100).into_iter().skip(1));
    assert_eq!(gaps(&evidence(&history, &some)), ["only 1 of 4 planned faults took effect"]);
    let stopped_early = Evidence { interrupted: true, ..evidence(&history, &some) };
    assert_eq!(gaps(&stopped_early), [""; 0], "the others had no chance");

    some.extend(life(1, 60, 90).into_iter().skip(1));
    assert_eq!(gaps(&evidence(&history, &some)), [""; 0], "half is allowed");
}

#[test]
fn the_store_must_be_looked_at_during_and_after_faults() {
    let faults = life(0, 50, 100);
    let before_only = reads(0, 50);
    assert_eq!(
        gaps(&evidence(&before_only, &faults)),
        [
            "only 0 operations succeeded while a fault was in force; 20 are needed",
            "only 0 operations succeeded after the last fault; 20 are needed"
        ]
    );
    let unhealed = &faults[..2];
    let history = reads(0, 200);
    assert_eq!(
        gaps(&evidence(&history, unhealed)),
        ["only 0 operations succeeded after the last fault; 20 are needed"],
        "a fault that never ended has no after"
    );
}

#[test]
fn the_end_must_be_clean() {
    let history = reads(0, 200);
    let exits = ["n2 ended with signal 6".to_owned()];
    let open = ["n1>n2 is cut".to_owned()];
    let evidence = Evidence {
        final_reads: FinalReads { wanted: 30, answered: 29 },
        unexpected_exits: &exits,
        not_healed: &open,
        ..evidence(&history, &[])
    };
    assert_eq!(
        gaps(&evidence),
        [
            "only 29 of 30 final reads were answered",
            "not healed: n1>n2 is cut",
            "a node ended although nobody stopped it: n2 ended with signal 6"
        ]
    );
}

#[test]
fn operations_are_counted_by_function_and_outcome() {
    let history = [
        event("write", EventKind::Invoke, 0),
        event("write", EventKind::Ok, 1),
        event("write", EventKind::Fail, 2),
        event("cas", EventKind::Info, 3),
    ];
    let coverage = Coverage::of(&history, &[]);
    assert_eq!(coverage.operations["write"], OutcomeCounts { ok: 1, fail: 1, info: 0 });
    assert_eq!(coverage.operations["cas"], OutcomeCounts { ok: 0, fail: 0, info: 1 });
    assert_eq!(coverage.totals(), OutcomeCounts { ok: 1, fail: 1, info: 1 });
}
