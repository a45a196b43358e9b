//! A smallest history with each anomaly, and one beside it that must not be blamed.

use super::script::{Txn, history, judged, names, report};
use crate::Value;
use crate::check::Validity;
use crate::history::{Event, EventKind, History, ProcessId};
use crate::transactions::{Consistency, EdgeKind, Family, TransactionOptions, check};

/// Name of the case, anomalies, transactions; then those of a history without any.
type Case =
    (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

const LISTS: &[Case] = &[
    (
        "write skew",
        &["write-skew"],
        &["0 1-10 ok r x []; append y 1", "1 2-9 ok r y []; append x 2"],
        &["0 1-10 ok r x []; append y 1", "1 2-9 ok r y [1]; append x 2"],
    ),
    (
        "lost update",
        &["lost-update", "G-single"],
        &["0 1-10 ok r x []; append x 1", "1 2-9 ok r x []; append x 2", "2 11-12 ok r x [1 2]"],
        &["0 1-10 ok r x []; append x 1", "1 2-9 ok r x [1]; append x 2", "2 11-12 ok r x [1 2]"],
    ),
    (
        "long fork",
        &["G-nonadjacent"],
        &[
            "0 1-20 ok append x 1",
            "1 2-21 ok append y 2",
            "2 3-22 ok r x [1]; r y []",
            "3 4-23 ok r x []; r y [2]",
        ],
        &[
            "0 1-20 ok append x 1",
            "1 2-21 ok append y 2",
            "2 3-22 ok r x [1]; r y []",
            "3 4-23 ok r x [1]; r y [2]",
        ],
    ),
    (
        "read skew",
        &["G-single"],
        &["0 1-10 ok append x 1; append y 1", "1 2-9 ok r x [1]; r y []"],
        &["0 1-10 ok append x 1; append y 1", "1 2-9 ok r x []; r y []"],
    ),
    (
        "stale read across processes",
        &["G-single-realtime"],
        &["0 1-2 ok append x 1", "1 3-4 ok r x []"],
        &["0 1-3 ok append x 1", "1 2-4 ok r x []"],
    ),
    (
        "stale read of the own process",
        &["G-single-process"],
        &["0 1-2 ok append x 1", "0 3-4 ok r x []"],
        &["0 1-2 ok append x 1", "0 3-4 ok r x [1]"],
    ),
    (
        "dirty write",
        &["G0"],
        &[
            "0 1-10 ok append x 1; append y 1",
            "1 2-9 ok append x 2; append y 2",
            "2 11-12 ok r x [1 2]; r y [2 1]",
        ],
        &[
            "0 1-10 ok append x 1; append y 1",
            "1 2-9 ok append x 2; append y 2",
            "2 11-12 ok r x [2 1]; r y [2 1]",
        ],
    ),
    (
        "writes against the order of a process",
        &["G0-process"],
        &["0 1-2 ok append x 1", "0 3-4 ok append x 2", "1 5-6 ok r x [2 1]"],
        &["0 1-2 ok append x 1", "0 3-4 ok append x 2", "1 5-6 ok r x [1 2]"],
    ),
    (
        "writes against real time",
        &["G0-realtime"],
        &["0 1-2 ok append x 1", "1 3-4 ok append x 2", "2 5-6 ok r x [2 1]"],
        &["0 1-3 ok append x 1", "1 2-4 ok append x 2", "2 5-6 ok r x [2 1]"],
    ),
    (
        "aborted read",
        &["G1a"],
        &["0 1-2 fail append x 1", "1 3-4 ok r x [1]"],
        &["0 1-2 info append x 1", "1 3-4 ok r x [1]"],
    ),
    (
        "dirty update",
        &["G1a", "dirty-update"],
        &["0 1-2 fail append x 1", "1 3-4 ok append x 2", "2 5-6 ok r x [1 2]"],
        &["0 1-2 fail append x 1", "1 3-4 ok append x 2", "2 5-6 ok r x [2]"],
    ),
    (
        "intermediate read",
        &["G1b", "G-single"],
        &["0 1-10 ok append x 1; append x 2", "1 2-9 ok r x [1]"],
        &["0 1-10 ok append x 1; r x [1]; append x 2", "1 2-9 ok r x [1 2]"],
    ),
    (
        "circular information flow",
        &["G1c"],
        &["0 1-10 ok append x 1; r y [2]", "1 2-9 ok append y 2; r x [1]"],
        &["0 1-10 ok append x 1; r y [2]", "1 2-9 ok append y 2; r x []"],
    ),
    (
        "a read of what the process writes later",
        &["G1c-process"],
        &["0 1-2 ok r x [1]", "0 3-4 ok append x 1"],
        &["0 1-2 ok r x []", "0 3-4 ok append x 1"],
    ),
    (
        "a read of what is written later",
        &["G1c-realtime"],
        &["0 1-2 ok r x [1]", "1 3-4 ok append x 1"],
        &["0 1-3 ok r x [1]", "1 2-4 ok append x 1"],
    ),
    (
        "long fork through real time",
        &["G-nonadjacent-realtime"],
        &[
            "0 1-30 ok append x 1",
            "1 2-31 ok r x [1]; r y []",
            "2 3-4 ok append y 2",
            "3 5-6 ok r x []",
        ],
        &[
            "0 1-30 ok append x 1",
            "1 2-31 ok r x [1]; r y [2]",
            "2 3-4 ok append y 2",
            "3 5-6 ok r x []",
        ],
    ),
    (
        "long fork through a process",
        &["G-nonadjacent-process"],
        &[
            "0 1-30 ok append x 1",
            "1 2-31 ok r x [1]; r y []",
            "2 3-4 ok append y 2",
            "2 5-6 ok r x []",
        ],
        &[
            "0 1-30 ok append x 1",
            "1 2-31 ok r x [1]; r y []",
            "2 3-4 ok append y 2",
            "2 5-6 ok r x [1]",
            // T1 and T3 agree, and T1 may come before T2.
        ],
    ),
    (
        "two reads in a row that missed, and real time",
        &["G2-item-realtime"],
        &["1 1-20 ok append x 1; r y []", "2 2-3 ok append y 2", "3 4-5 ok r x []"],
        &["1 1-20 ok append x 1; r y []", "2 2-5 ok append y 2", "3 4-6 ok r x []"],
    ),
    (
        "two reads in a row that missed, and a process",
        &["G2-item-process"],
        &["1 1-20 ok append x 1; r y []", "2 2-3 ok append y 2", "2 4-5 ok r x []"],
        &["1 1-20 ok append x 1; r y [2]", "2 2-3 ok append y 2", "2 4-5 ok r x []"],
    ),
    (
        "three that each missed the next",
        &["G2-item"],
        &[
            "0 1-10 ok r x []; append y 1",
            "1 2-9 ok r z []; append x 2",
            "2 3-8 ok r y []; append z 3",
        ],
        &[
            "0 1-10 ok r x []; append y 1",
            "1 2-9 ok r z [3]; append x 2",
            "2 3-8 ok r y []; append z 3",
        ],
    ),
    (
        "own append not seen",
        &["internal"],
        &["0 1-2 ok append x 1; r x []"],
        &["0 1-2 ok append x 1; r x [1]"],
    ),
    (
        "own append seen too early",
        &["future-read"],
        &["0 1-2 ok r x [1]; append x 1"],
        &["0 1-2 ok r x []; append x 1"],
    ),
    (
        "twice in the list",
        &["duplicate-elements"],
        &["0 1-2 ok append x 1", "1 3-4 ok r x [1 1]"],
        &["0 1-2 ok append x 1", "2 3-4 ok append x 1", "1 5-6 ok r x [1 1]"],
    ),
    (
        "lists that do not continue each other",
        &["incompatible-order"],
        &["0 1-10 ok append x 1", "1 2-9 ok append x 2", "2 3-8 ok r x [1]", "3 4-7 ok r x [2]"],
        &["0 1-10 ok append x 1", "1 2-9 ok append x 2", "2 3-8 ok r x [1]", "3 4-7 ok r x [1 2]"],
    ),
    (
        "own appends out of order",
        &["incompatible-order", "G1b"],
        &["0 1-2 ok append x 1; append x 2", "1 3-4 ok r x [2 1]"],
        &["0 1-2 ok append x 1; append x 2", "1 3-4 ok r x [1 2]"],
    ),
    (
        "out of nowhere",
        &["garbage-read"],
        &["0 1-2 ok r x [9]"],
        &["0 1-2 info append x 9", "1 3-4 ok r x [9]"],
    ),
    (
        "a crashed append that was seen stays",
        &["G-single-realtime"],
        &["0 1-2 info append x 1", "1 3-4 ok r x [1]", "2 5-6 ok r x []"],
        &["0 1-2 info append x 1", "1 3-4 ok r x []", "2 5-6 ok r x [1]"],
    ),
];

const REGISTERS: &[Case] = &[
    (
        "write skew",
        &["write-skew"],
        &["0 1-10 ok r x nil; r y nil; w x 1", "1 2-9 ok r x nil; r y nil; w y 2"],
        &["0 1-10 ok r x nil; r y nil; w x 1", "1 2-9 ok r x 1; r y nil; w y 2"],
    ),
    (
        "lost update",
        &["lost-update", "G2-item"],
        &["0 1-10 ok r x nil; w x 1", "1 2-9 ok r x nil; w x 2"],
        &["0 1-10 ok r x nil; w x 1", "1 2-9 ok r x 1; w x 2"],
    ),
    (
        "lost update of a written version",
        &["lost-update", "G2-item"],
        &["2 1-2 ok w x 3", "0 3-10 ok r x 3; w x 1", "1 4-9 ok r x 3; w x 2"],
        &["2 1-2 ok w x 3", "0 3-10 ok r x 3; w x 1", "1 4-9 ok w x 2"],
    ),
    (
        "stale read",
        &["G-single-realtime"],
        &["0 1-2 ok w x 1", "1 3-4 ok w x 2", "2 5-6 ok r x 1"],
        &["0 1-3 ok w x 1", "1 2-4 ok w x 2", "2 5-6 ok r x 1"],
    ),
    (
        "nothing there after a write",
        &["G-single-realtime"],
        &["0 1-2 ok w x 1", "1 3-4 ok r x nil"],
        &["0 1-2 info w x 1", "1 3-4 ok r x nil"],
    ),
    (
        "new and old inverted",
        &["G-single-realtime"],
        &["0 1-30 ok w x 1", "1 2-3 ok w x 2", "2 4-5 ok r x 1", "3 6-7 ok r x 2"],
        &["0 1-30 ok w x 1", "1 2-3 ok w x 2", "2 4-5 ok r x 2", "3 6-7 ok r x 1"],
    ),
    (
        "two processes see two writes in different orders",
        &["G-single-process"],
        &[
            "0 1-30 ok w x 1",
            "1 2-31 ok w x 2",
            "2 3-4 ok r x 1",
            "3 5-6 ok r x 2",
            "2 7-8 ok r x 2",
            "3 9-10 ok r x 1",
        ],
        &[
            "0 1-30 ok w x 1",
            "1 2-31 ok w x 2",
            "2 3-6 ok r x 1",
            "3 5-8 ok r x 2",
            "2 7-10 ok r x 2",
            "3 9-11 ok r x 2",
        ],
    ),
    (
        "long fork",
        &["G-nonadjacent"],
        &[
            "0 1-20 ok w x 1",
            "1 2-21 ok w y 2",
            "2 3-22 ok r x 1; r y nil",
            "3 4-23 ok r x nil; r y 2",
        ],
        &[
            "0 1-20 ok w x 1",
            "1 2-21 ok w y 2",
            "2 3-22 ok r x 1; r y nil",
            "3 4-23 ok r x nil; r y nil",
        ],
    ),
    (
        "aborted read",
        &["G1a"],
        &["0 1-2 fail w x 1", "1 3-4 ok r x 1"],
        &["0 1-2 fail w x 1", "2 1-5 ok w x 1", "1 3-4 ok r x 1"],
    ),
    (
        "dirty update",
        &["G1a", "dirty-update"],
        &["0 1-2 fail w x 1", "1 3-4 ok r x 1; w x 2"],
        &["0 1-2 info w x 1", "1 3-4 ok r x 1; w x 2"],
    ),
    (
        "intermediate read",
        &["G1b"],
        &["0 1-10 ok w x 1; w x 2", "1 2-9 ok r x 1"],
        &["0 1-10 ok w x 1; w x 2", "1 2-9 ok r x 2"],
    ),
    (
        "circular information flow",
        &["G1c"],
        &["0 1-10 ok w x 1; r y 2", "1 2-9 ok w y 2; r x 1"],
        &["0 1-10 ok w x 1; r y 2", "1 2-9 ok w y 2; r x nil"],
    ),
    (
        "versions in a circle",
        &["cyclic-versions", "G1c"],
        &["0 1-10 ok r x 2; w x 1", "1 2-9 ok r x 1; w x 2"],
        &["0 1-10 ok r x nil; w x 1", "1 2-9 ok r x 1; w x 2"],
    ),
    ("own write not seen", &["internal"], &["0 1-2 ok w x 1; r x nil"], &["0 1-2 ok w x 1; r x 1"]),
    (
        "own write seen too early",
        &["future-read"],
        &["0 1-2 ok r x 1; w x 1"],
        &["0 1-2 ok r x nil; w x 1"],
    ),
    (
        "out of nowhere",
        &["garbage-read"],
        &["0 1-2 ok r x 9"],
        &["0 1-2 info w x 9", "1 3-4 ok r x 9"],
    ),
];

#[test]
fn each_anomaly_by_name_and_its_neighbour_without() {
    for (name, expected, bad, good) in LISTS.iter().chain(REGISTERS) {
        let found = report(bad);
        assert_eq!(names(&found), *expected, "{name}");
        assert_eq!(found.validity, Validity::Invalid, "{name}");
        let found = report(good);
        assert_eq!(names(&found), [""; 0], "near {name}");
        assert_eq!(found.validity, Validity::Valid, "near {name}");
    }
}

#[test]
fn every_edge_of_a_cycle_says_why() {
    for (name, _, bad, _) in LISTS.iter().chain(REGISTERS) {
        for example in report(bad).anomalies.iter().flat_map(|found| &found.examples) {
            let edges = &example.cycle;
            for (edge, next) in edges.iter().zip(edges.iter().cycle().skip(1)) {
                assert_eq!(edge.to, next.from, "{name}");
                // What is said where no evidence was found.
                for vague in ["did not see what", "read what T", "what T0 saw of", "the one but"] {
                    assert!(!edge.text.contains(vague), "{name}: {}", edge.text);
                }
            }
        }
    }
}

#[test]
fn cycles_in_words() {
    let texts = |lines: &[&str]| -> Vec<String> {
        let report = report(lines);
        let cycle = &report.anomalies.last().unwrap().examples[0].cycle;
        cycle.iter().map(|edge| edge.text.clone()).collect()
    };
    assert_eq!(
        texts(&[
            "0 1-2 ok append x 1",
            "0 3-9 ok append x 2; r y []",
            "1 4-5 ok append y 3",
            "1 6-7 ok r x [1]"
        ]),
        [
            "T1 read y = [], which T2's append of 3 came after",
            "process 1 did T2 before T3",
            "T3 read x = [1], which T1's append of 2 came after",
        ]
    );
    assert_eq!(
        texts(&["0 1-2 ok w x 1", "1 3-4 ok w x 2", "2 5-6 ok r x 1"]),
        [
            "T2 read x = 1 and T1 wrote 2, which came after 1: T0, which wrote 1, completed before T1 was invoked, \
             which wrote 2",
            "T1 completed (event 3) before T2 was invoked (event 4)",
        ]
    );
    assert_eq!(
        texts(&["0 1-10 ok r x nil; r y nil; w x 1", "1 2-9 ok r x nil; r y nil; w y 2"]),
        [
            "T0 read y = nil, as it was at first, before T1 wrote 2",
            "T1 read x = nil, as it was at first, before T0 wrote 1",
        ]
    );
    let report = report(&["0 1-2 ok append x 1", "1 3-4 ok append x 2", "2 5-6 ok r x [2 1]"]);
    let example = &report.anomalies[0].examples[0];
    assert_eq!(example.cycle[0].kind, EdgeKind::Realtime);
    assert_eq!(example.cycle[1].text, "T1 appended 2 to x before T0 appended 1: T2 read x = [2 1]");
    assert_eq!(example.transactions[1].text, "[append x 2]");
}

#[test]
fn the_promise_asked_for_decides() {
    let txns = [Txn::parse("0 1-2 ok append x 1"), Txn::parse("1 3-4 ok r x []")];
    let strict = judged(&txns, Consistency::StrictSerializable);
    assert_eq!(strict.weakest_ruled_out, [Consistency::StrongSnapshotIsolation]);
    assert!(strict.reason.is_some_and(|reason| reason.starts_with("G-single-realtime: ")));
    let plain = judged(&txns, Consistency::Serializable);
    assert_eq!(plain.validity, Validity::Valid);
    assert!(plain.proven && !plain.anomalies[0].forbidden);
    assert!(!judged(&txns, Consistency::ReadCommitted).proven);
}

#[test]
fn what_was_written_twice_says_nothing() {
    let found = report(&["0 1-2 ok w x 1", "1 3-4 ok w x 2", "2 5-6 ok w x 1", "3 7-8 ok r x 1"]);
    assert_eq!((found.validity, found.ambiguous_values), (Validity::Valid, 1));
    let found = report(&["0 1-2 ok append x 1", "1 3-4 ok append x 1", "2 5-6 ok r x [1 1 2]"]);
    assert_eq!(names(&found), ["garbage-read"]);
}

#[test]
fn nothing_seen_is_unknown_and_so_is_a_check_that_was_stopped() {
    assert_eq!(report(&["0 1-2 info append x 1", "1 3-4 fail r x"]).validity, Validity::Unknown);
    let txns = [Txn::parse("0 1-2 ok append x 1"), Txn::parse("1 3-4 ok r x []")];
    // However late it is stopped, it does not say valid; once it says invalid, it is the whole truth.
    for asked in 0..20_u32 {
        let left = std::cell::Cell::new(asked);
        let should_stop = || left.replace(left.get().saturating_sub(1)) == 0;
        let options =
            TransactionOptions { should_stop: &should_stop, ..TransactionOptions::default() };
        let mut report = check(&history(&txns), &options).unwrap();
        report.name_the_stop("stopped by somebody");
        assert_ne!(report.validity, Validity::Valid);
        let was_stopped = report.reason.as_deref() == Some("stopped by somebody");
        assert_eq!(report.validity == Validity::Unknown, was_stopped);
        assert!(asked > 0 || was_stopped);
    }
}

#[test]
fn a_crash_that_does_not_say_what_it_wrote_may_have_written_anything() {
    let unknown = |value| Event {
        index: 0,
        time: None,
        process: ProcessId(9),
        kind: EventKind::Invoke,
        f: "txn".to_owned(),
        key: None,
        value,
        node: None,
        error: None,
    };
    let mut events = vec![unknown(Value::Nil)];
    let micro = |value| Value::List(vec![Value::List(vec!["r".into(), "x".into(), value])]);
    let seen = Value::List(vec![Value::Int(5)]);
    for (kind, value) in [(EventKind::Invoke, Value::Nil), (EventKind::Ok, seen)] {
        events.push(Event { process: ProcessId(1), kind, ..unknown(micro(value)) });
    }
    let options = TransactionOptions::default();
    let of = |events: &[Event]| check(&History::from_events(events).unwrap(), &options).unwrap();
    assert_eq!(of(&events).validity, Validity::Valid);
    assert_eq!(names(&of(&events[1..])), ["garbage-read"]);
}

#[test]
fn reads_of_nil_may_be_reads_that_were_not_kept() {
    for (write, read) in [("append x 1", "r x []"), ("w x 1", "r x nil")] {
        let txns = [format!("0 1-2 ok {write}"), format!("1 3-4 ok {read}")];
        let txns: Vec<Txn> = txns.iter().map(|line| Txn::parse(line)).collect();
        let history = history(&txns).with_nil_reads_unknown();
        let report = check(&history, &TransactionOptions::default()).unwrap();
        // An empty list is an answer, nil is none.
        assert_eq!(report.validity == Validity::Valid, read == "r x nil");
    }
}

fn one(f: &str, value: Value) -> History {
    let event = |kind, value| Event {
        index: 0,
        time: None,
        process: ProcessId(0),
        kind,
        f: f.to_owned(),
        key: None,
        value,
        node: None,
        error: None,
    };
    History::from_events(&[event(EventKind::Invoke, Value::Nil), event(EventKind::Ok, value)])
        .unwrap()
}

#[test]
fn what_is_no_transaction_is_refused() {
    let micro = |parts: &[Value]| Value::List(vec![Value::List(parts.to_vec())]);
    let text = |text: &str| Value::from(text);
    let cases = [
        (one("read", Value::Nil), "`read` is no transaction"),
        (one("txn", Value::Int(1)), "a list of micro-operations"),
        (one("txn", micro(&[text("cas"), text("x"), Value::Int(1)])), "[w key value]"),
        (one("txn", micro(&[text("append")])), "[append key value]"),
        (one("txn", Value::List(vec![Value::Nil])), "[w key value]"),
    ];
    for (history, expected) in cases {
        let error = check(&history, &TransactionOptions::default()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.event() <= 1);
    }
    let mixed = history(&[Txn::parse("0 1-2 ok append x 1; w y 2")]);
    assert!(check(&mixed, &TransactionOptions::default()).is_err());
    let number = one("txn", micro(&[text("r"), text("x"), Value::Int(1)]));
    let options =
        TransactionOptions { family: Some(Family::ListAppend), ..TransactionOptions::default() };
    assert!(check(&number, &options).unwrap_err().to_string().contains("the elements"));
    let long = one("txn", micro(&[text(":read"), text("x"), Value::List(vec![])]));
    let report = check(&long, &TransactionOptions::default()).unwrap();
    assert_eq!((report.family, report.validity), (Family::ListAppend, Validity::Valid));
}

#[test]
fn a_report_survives_json_and_is_the_same_each_time() {
    for (_, _, bad, _) in LISTS.iter().chain(REGISTERS) {
        let first = serde_json::to_string(&report(bad)).unwrap();
        let again = serde_json::to_string(&report(bad)).unwrap();
        assert_eq!(first, again);
        let back: crate::transactions::TransactionReport = serde_json::from_str(&first).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), first);
    }
}
