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

/// `count` answered operations, one every nanosecond from `from`: a write, then reads.
fn answers(from: u64, count: u64) -> Vec<Event> {
    let f = |time| if time == from { "write" } else { "read" };
    (from..from + count).map(|time| event(f(time), EventKind::Ok, time)).collect()
}

fn evidence<'a>(history: &'a [Event], faults: &'a [FaultRecord]) -> Evidence<'a> {
    Evidence {
        history,
        load_events: history.len() as u64,
        clients: 10,
        faults_wanted: !faults.is_empty(),
        faults,
        final_reads: FinalReads { wanted: 3, answered: 3 },
        unexpected_exits: &[],
        not_healed: &[],
        interrupted: false,
    }
}

fn gaps(evidence: &Evidence<'_>) -> Vec<String> {
    Coverage::of(evidence.history, evidence.load_events, evidence.faults).gaps(evidence)
}

#[test]
fn a_run_that_looked_before_during_and_after_a_fault_passes() {
    let (history, faults) = (answers(0, 200), life(0, 50, 100));
    assert_eq!(gaps(&evidence(&history, &faults)), [""; 0]);
    let coverage = Coverage::of(&history, 200, &faults);
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
    let coverage = Coverage::of(&answers(0, 100), 100, &faults);
    assert_eq!((coverage.ok_during_faults, coverage.ok_after_faults), (80, 10));
}

#[test]
fn a_run_without_faults_needs_none_but_a_load() {
    assert_eq!(gaps(&evidence(&answers(0, 20), &[])), [""; 0]);
    assert_eq!(
        gaps(&evidence(&answers(0, 19), &[])),
        ["only 19 operations of the load succeeded; 20 are needed"]
    );
}

#[test]
fn final_reads_are_no_load() {
    let history = answers(0, 200);
    let short = Evidence { load_events: 10, ..evidence(&history, &[]) };
    assert_eq!(gaps(&short), ["only 10 operations of the load succeeded; 20 are needed"]);

    let faults = life(0, 50, 100);
    let late = Evidence { load_events: 110, ..evidence(&history, &faults) };
    assert_eq!(gaps(&late), ["only 10 operations succeeded after the last fault; 20 are needed"]);
    let stopped_early = Evidence { interrupted: true, ..late };
    assert_eq!(gaps(&stopped_early), [""; 0], "nobody waited for more");
    let coverage = Coverage::of(&history, 110, &faults);
    assert_eq!((coverage.ok_in_load, coverage.totals().ok), (110, 200));
}

#[test]
fn faults_that_were_asked_for_must_be_planned() {
    let history = answers(0, 200);
    let wanted = Evidence { faults_wanted: true, ..evidence(&history, &[]) };
    assert_eq!(gaps(&wanted), ["faults were asked for, but none was planned"]);
}

#[test]
fn nothing_read_is_nothing_seen() {
    let mut history: Vec<_> = (0..20).map(|time| event("write", EventKind::Ok, time)).collect();
    history.push(event("read", EventKind::Fail, 20));
    assert_eq!(gaps(&evidence(&history, &[])), ["no read was answered, so nothing was seen"]);
    assert_eq!(gaps(&evidence(&[], &[])).len(), 3, "an empty run says nothing");
}

#[test]
fn nothing_written_is_nothing_lost() {
    let mut history = answers(0, 200);
    history[0] = event("write", EventKind::Info, 0);
    history.push(event("cas", EventKind::Fail, 201));
    let unwritten = ["no write was acknowledged, so there was nothing to lose"];
    assert_eq!(gaps(&evidence(&history, &[])), unwritten);
    history.push(event("cas", EventKind::Ok, 202));
    assert_eq!(gaps(&evidence(&history, &[])), [""; 0]);
}

#[test]
fn mostly_unknown_outcomes_are_no_test() {
    let mut history = answers(0, 20);
    history.extend((0..20).map(|time| event("write", EventKind::Info, time)));
    assert_eq!(gaps(&evidence(&history, &[])), [""; 0], "half is allowed");
    history.push(event("write", EventKind::Info, 11));
    assert_eq!(gaps(&evidence(&history, &[])), ["21 of 41 operations have an unknown outcome"]);
}

#[test]
fn faults_must_bite() {
    let history = answers(0, 200);
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
    let before_only = answers(0, 50);
    assert_eq!(
        gaps(&evidence(&before_only, &faults)),
        [
            "only 0 operations were tried while a fault was in force; 10 are needed",
            "only 0 operations succeeded after the last fault; 20 are needed"
        ]
    );
    let unhealed = &faults[..2];
    let history = answers(0, 200);
    assert_eq!(
        gaps(&evidence(&history, unhealed)),
        ["only 0 operations succeeded after the last fault; 20 are needed"],
        "a fault that never ended has no after"
    );
}

/// Every node is down from 50 to 100: each client waits for one answer that never comes.
#[test]
fn a_fault_that_leaves_no_majority_is_looked_at_by_those_who_wait() {
    let faults = life(0, 50, 100);
    let waiting = |clients: u64| {
        let invoked = (1..=clients).map(|client| Event {
            process: ProcessId(client),
            ..event("read", EventKind::Invoke, 49)
        });
        let given_up = (1..=clients).map(|client| Event {
            process: ProcessId(client),
            ..event("read", EventKind::Fail, 120)
        });
        [answers(0, 50), invoked.chain(given_up).collect(), answers(130, 20)].concat()
    };
    let history = waiting(10);
    assert_eq!(gaps(&evidence(&history, &faults)), [""; 0]);
    let coverage = Coverage::of(&history, history.len() as u64, &faults);
    assert_eq!((coverage.tried_during_faults, coverage.ok_during_faults), (10, 0));
    assert_eq!(
        gaps(&evidence(&waiting(9), &faults)),
        ["only 9 operations were tried while a fault was in force; 10 are needed"]
    );
    let history = waiting(1);
    let alone = Evidence { clients: 1, ..evidence(&history, &faults) };
    assert_eq!(gaps(&alone), [""; 0], "one client cannot do more than wait");
}

#[test]
fn the_end_must_be_clean() {
    let history = answers(0, 200);
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
    let coverage = Coverage::of(&history, 4, &[]);
    assert_eq!(coverage.operations["write"], OutcomeCounts { ok: 1, fail: 1, info: 0 });
    assert_eq!(coverage.operations["cas"], OutcomeCounts { ok: 0, fail: 0, info: 1 });
    assert_eq!(coverage.totals(), OutcomeCounts { ok: 1, fail: 1, info: 1 });
}
