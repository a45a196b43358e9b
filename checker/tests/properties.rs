//! For each property the smallest histories that break each of its rules, and near misses that do not.

#[path = "support/script.rs"]
mod script;

use std::collections::BTreeMap;

use rashomon_checker::Value;
use rashomon_checker::check::Validity;
use rashomon_checker::history::History;
use rashomon_checker::properties::{
    self, MonotonicScope, PropertyError, PropertyKind, PropertyOptions, PropertyReport, Quantiles,
    Rule,
};

use Validity::{Invalid, Unknown, Valid};

fn judge(
    kind: PropertyKind,
    options: &PropertyOptions<'_>,
    script: &str,
) -> Result<PropertyReport, PropertyError> {
    let history = History::from_events(&script::events(script)).expect("a history");
    properties::check(kind, &history, options)
}

/// A history, its verdict, and what is found in it.
type Row = (&'static str, Validity, &'static [Rule]);

fn table(kind: PropertyKind, options: &PropertyOptions<'_>, rows: &[Row]) {
    for (script, validity, rules) in rows {
        let report = judge(kind, options, script).expect(script);
        let found: Vec<Rule> = report.found.keys().copied().collect();
        assert_eq!(
            (report.validity, found.as_slice()),
            (*validity, *rules),
            "{script}\n{report:#?}"
        );
        assert_eq!(report.reason.is_some(), report.validity != Valid, "{script}\n{report:#?}");
        let json = serde_json::to_string(&report).expect("JSON");
        assert_eq!(serde_json::from_str::<PropertyReport>(&json).expect("a report"), report);
    }
}

fn told(kind: PropertyKind, options: &PropertyOptions<'_>, script: &str, sentence: &str) {
    let report = judge(kind, options, script).expect("a fit");
    assert_eq!(report.reason.as_deref(), Some(sentence), "{script}\n{report:#?}");
}

fn plain() -> PropertyOptions<'static> {
    PropertyOptions::default()
}

#[test]
fn bank() {
    let kind = PropertyKind::Bank;
    table(
        kind,
        &plain(),
        &[
            ("p1 > read; p1 < ok [[1, 60], [2, 40]]", Valid, &[]),
            ("p1 > transfer [1, 2, 5]; p1 < ok", Unknown, &[]),
            ("p1 > read; p1 < info; p2 > read; p2 < fail", Unknown, &[]),
            (
                "p1 > read; p1 < ok [[1, 6]]; p1 > read; p1 < ok [[1, 7]]",
                Invalid,
                &[Rule::WrongTotal],
            ),
            ("p1 > read; p1 < ok [[1, 6]]; p1 > read; p1 < ok [[\"1\", 6]]", Valid, &[]),
            ("p1 > read; p1 < ok [[1, -1], [2, 2]]", Invalid, &[Rule::NegativeBalance]),
            ("p1 > read; p1 < ok [[1, 0], [2, 2]]", Valid, &[]),
            ("p1 > read; p1 < ok [[1, null], [2, 2]]", Invalid, &[Rule::MissingAccount]),
            // Two banks have two totals.
            ("p1 > a: read; p1 < ok [[1, 6]]; p1 > b: read; p1 < ok [[1, 7]]", Valid, &[]),
        ],
    );
    let hundred = PropertyOptions { total: Some(100), negative_balances: true, ..plain() };
    table(
        kind,
        &hundred,
        &[
            ("p1 > read; p1 < ok [[1, 60], [2, 41]]", Invalid, &[Rule::WrongTotal]),
            ("p1 > read; p1 < ok [[1, 160], [2, -60]]", Valid, &[]),
        ],
    );
    told(
        kind,
        &hundred,
        "p1 > read; p3 > k: read; p3 < ok [[1, 58], [2, 40]]; p1 < ok [[1, 60], [2, 40]]",
        "p3 read balances of k that add up to 98, not 100: 1: 58, 2: 40",
    );
}

#[test]
fn bank_with_known_balances() {
    let kind = PropertyKind::Bank;
    let balances = [("1", 60), ("2", 40)].map(|(name, balance)| (name.to_owned(), balance));
    let known = PropertyOptions { balances: Some(BTreeMap::from(balances)), ..plain() };
    table(
        kind,
        &known,
        &[
            ("p1 > read; p1 < ok [[1, 60], [2, 40]]", Valid, &[]),
            (
                "p1 > read; p1 < ok [[1, 61], [2, 40]]",
                Invalid,
                &[Rule::WrongTotal, Rule::OutOfBounds],
            ),
            ("p1 > read; p1 < ok [[1, 61], [2, 39]]", Invalid, &[Rule::OutOfBounds]),
            ("p1 > read; p1 < ok [[1, 60]]", Invalid, &[Rule::MissingAccount]),
            ("p1 > read; p1 < ok [[1, 60], [2, 40], [3, 0]]", Invalid, &[Rule::UnexpectedAccount]),
            // A transfer that completed is seen, one that is under way or crashed may be, a failed one is not.
            (
                "p1 > transfer [1, 2, 5]; p1 < ok; p1 > read; p1 < ok [[1, 60], [2, 40]]",
                Invalid,
                &[Rule::OutOfBounds],
            ),
            (
                "p1 > transfer [[\"from\", 1], [\"to\", 2], [\"amount\", 5]]; p1 < ok; p1 > read; p1 < ok [[1, 55], [2, 45]]",
                Valid,
                &[],
            ),
            ("p1 > transfer [1, 2, 5]; p2 > read; p1 < ok; p2 < ok [[1, 60], [2, 40]]", Valid, &[]),
            (
                "p1 > transfer [1, 2, 5]; p1 < info; p2 > read; p2 < ok [[1, 55], [2, 45]]",
                Valid,
                &[],
            ),
            (
                "p1 > transfer [1, 2, 5]; p1 < info; p2 > read; p2 < ok [[1, 50], [2, 50]]",
                Invalid,
                &[Rule::OutOfBounds],
            ),
            (
                "p1 > transfer [1, 2, 5]; p1 < fail; p2 > read; p2 < ok [[1, 55], [2, 45]]",
                Invalid,
                &[Rule::OutOfBounds],
            ),
        ],
    );
}

#[test]
fn long_fork() {
    let kind = PropertyKind::LongFork;
    let written = "p1 > write [[\"w\", 1, 1]]; p2 > write [[\"w\", 2, 1]]";
    let history = |reads: &str| format!("{written}; {reads}");
    let read = |process: u32, first: &str, second: &str| {
        format!(
            "p{process} > read [[\"r\", 1, null], [\"r\", 2, null]]; \
             p{process} < ok [[\"r\", 1, {first}], [\"r\", 2, {second}]]"
        )
    };
    let fork = history(&format!("{}; {}", read(3, "null", "1"), read(4, "1", "null")));
    let cases = [
        (written.to_owned(), Unknown, vec![]),
        (history(&read(3, "null", "1")), Valid, vec![]),
        (history(&format!("{}; {}", read(3, "null", "1"), read(4, "1", "1"))), Valid, vec![]),
        // Stale, but in the same order.
        (history(&format!("{}; {}", read(3, "1", "1"), read(4, "null", "null"))), Valid, vec![]),
        (fork.clone(), Invalid, vec![Rule::LongFork]),
        // Nobody knows what a crashed read saw.
        (fork.replace("p4 < ok [[\"r\", 1, 1], [\"r\", 2, null]]", "p4 < info"), Valid, vec![]),
        (fork.replace("[\"r\", 1, 1]", "[\"r\", 1, 7]"), Invalid, vec![Rule::FromNowhere]),
        (
            format!("p1 > write [[\"w\", 1, 1]]; p1 < fail; {}", read(3, "1", "null")),
            Invalid,
            vec![Rule::Aborted],
        ),
        (
            format!("{}; p1 > write [[\"w\", 1, 1]]; p1 < ok", read(3, "1", "null")),
            Invalid,
            vec![Rule::Premature],
        ),
        (
            format!("{written}; p5 > write [[\"w\", 1, 2]]; {}", read(3, "1", "null")),
            Unknown,
            vec![],
        ),
        (
            format!("p5 > write [[\"w\", 1, 2]]; p5 < fail; {}", history(&read(3, "1", "null"))),
            Valid,
            vec![],
        ),
    ];
    for (script, validity, rules) in cases {
        let report = judge(kind, &plain(), &script).expect(&script);
        let found: Vec<Rule> = report.found.keys().copied().collect();
        assert_eq!((report.validity, found), (validity, rules), "{script}\n{report:#?}");
    }
    told(
        kind,
        &plain(),
        &fork,
        "p4 saw the write of 1 but not that of 2, p3 saw the write of 2 but not that of 1",
    );
    // Three reads of different pairs, no two of which contradict each other.
    let writes = "p1 > txn [[\"w\", 1, 1]]; p2 > txn [[\"w\", 2, 1]]; p3 > txn [[\"w\", 3, 1]]";
    let pair = |process: u32, seen: u32, unseen: u32| {
        format!(
            "p{process} > txn [[\"r\", {seen}, null], [\"r\", {unseen}, null]]; \
             p{process} < ok [[\"r\", {seen}, 1], [\"r\", {unseen}, null]]"
        )
    };
    let two = format!("{writes}; {}; {}", pair(4, 1, 2), pair(5, 2, 3));
    assert_eq!(judge(kind, &plain(), &two).unwrap().validity, Valid);
    let circle = judge(kind, &plain(), &format!("{two}; {}", pair(6, 3, 1))).unwrap();
    assert_eq!((circle.validity, circle.findings[0].operations.len()), (Invalid, 6));
}

#[test]
fn monotonic() {
    let kind = PropertyKind::Monotonic;
    table(
        kind,
        &plain(),
        &[
            ("p1 > inc; p1 < ok", Unknown, &[]),
            ("p1 > read; p1 < ok; p1 > read; p1 < ok 1; p2 > read; p2 < ok 1", Valid, &[]),
            ("p1 > read; p1 < ok 2; p2 > read; p2 < ok 1", Invalid, &[Rule::Decreased]),
            ("p1 > read; p1 < ok 2; p2 > read; p2 < ok", Invalid, &[Rule::Decreased]),
            ("p1 > read; p2 > read; p1 < ok 2; p2 < ok 1", Valid, &[]),
            ("p1 > read; p1 < ok 2; p2 > read; p2 < info", Valid, &[]),
            ("p1 > a: read; p1 < ok 2; p2 > b: read; p2 < ok 1", Valid, &[]),
            ("p1 > read; p1 < ok 2; p2 > inc; p2 < ok 3", Valid, &[]),
            ("p1 > read; p1 < ok 2; p2 > inc; p2 < ok 2", Invalid, &[Rule::Decreased]),
            ("p1 > inc; p1 < ok 2; p2 > read; p2 < ok 2", Valid, &[]),
            ("p1 > inc; p2 > inc; p1 < ok 2; p2 < ok 2", Invalid, &[Rule::Repeated]),
            ("p1 > inc; p2 > inc; p1 < ok 3; p2 < ok 2", Valid, &[]),
            (
                "p1 > read; p1 < ok [[1, 2], [2, 0]]; p1 > read; p1 < ok [[1, 2], [2, null]]",
                Invalid,
                &[Rule::Decreased],
            ),
            ("p1 > read; p1 < ok [[1, 2], [2, 0]]; p1 > read; p1 < ok [[2, 0]]", Valid, &[]),
        ],
    );
    let process = PropertyOptions { monotonic: MonotonicScope::Process, ..plain() };
    table(
        kind,
        &process,
        &[
            ("p1 > read; p1 < ok 2; p2 > read; p2 < ok 1; p2 > read; p2 < ok 1", Valid, &[]),
            (
                "p1 > read; p1 < ok 2; p2 > read; p2 < ok 1; p1 > read; p1 < ok 1",
                Invalid,
                &[Rule::Decreased],
            ),
        ],
    );
    told(
        kind,
        &plain(),
        "p1 > x: read; p1 < ok 5; p3 > x: read; p3 < ok 4",
        "p3 read x = 4, but before that p1 read x = 5",
    );
}

#[test]
fn session() {
    let two = "p1 > write 1; p1 < ok; p2 > write 2; p2 < ok";
    let rows: Vec<(String, Validity, Vec<Rule>)> = vec![
        (two.to_owned(), Unknown, vec![]),
        (format!("{two}; p1 > read; p1 < ok 1; p1 > read; p1 < ok 2"), Valid, vec![]),
        // Each may see the other's write at any time, or never.
        (format!("{two}; p1 > read; p1 < ok 1; p2 > read; p2 < ok 2"), Valid, vec![]),
        (format!("{two}; p3 > read; p3 < ok"), Valid, vec![]),
        (format!("{two}; p1 > read; p1 < ok"), Invalid, vec![Rule::ReadYourWrites]),
        (format!("{two}; p3 > read; p3 < ok 1; p3 > read; p3 < ok"), Invalid, vec![Rule::MonotonicReads]),
        ("p1 > write 1; p1 < ok; p1 > write 2; p1 < ok; p1 > read; p1 < ok 1".to_owned(), Invalid, vec![Rule::ReadYourWrites]),
        (
            format!("{two}; p3 > read; p3 < ok 1; p3 > read; p3 < ok 2; p4 > read; p4 < ok 2; p4 > read; p4 < ok 1"),
            Invalid,
            vec![Rule::MonotonicReads],
        ),
        (format!("{two}; p3 > read; p3 < ok 1; p3 > read; p3 < ok 2; p4 > read; p4 < ok 2"), Valid, vec![]),
        // p3 saw 2 before 1; then p1 writes 2 after 1.
        (
            "p1 > write 1; p2 > read; p2 < ok 1; p1 < ok; p1 > write 2; p3 > read; p3 < ok 2; p3 > read; p3 < ok 1; p1 < ok".to_owned(),
            Invalid,
            vec![Rule::MonotonicWrites],
        ),
        (
            "p1 > write 1; p2 > read; p2 < ok 1; p2 > write 2; p3 > read; p3 < ok 2; p3 > read; p3 < ok 1; p2 < ok".to_owned(),
            Invalid,
            vec![Rule::WritesFollowReads],
        ),
        // Whether the crashed write of 2 is before or after 1 is open, as nobody saw it.
        ("p1 > write 1; p1 < ok; p1 > write 2; p1 < info; p3 > read; p3 < ok 1".to_owned(), Valid, vec![]),
        (
            "p1 > write 1; p1 < ok; p1 > write 2; p1 < info; p3 > read; p3 < ok 2; p3 > read; p3 < ok 1".to_owned(),
            Invalid,
            vec![Rule::MonotonicReads],
        ),
        ("p1 > read; p1 < ok 7".to_owned(), Invalid, vec![Rule::FromNowhere]),
        ("p1 > write 7; p1 < fail; p1 > read; p1 < ok 7".to_owned(), Invalid, vec![Rule::Aborted]),
        ("p1 > read; p1 < ok 7; p1 > write 7".to_owned(), Invalid, vec![Rule::Premature]),
        ("p1 > write 7; p1 < fail; p1 > read; p1 < ok".to_owned(), Valid, vec![]),
        ("p1 > write 7; p1 < ok; p2 > write 7; p2 < ok; p1 > read; p1 < ok".to_owned(), Unknown, vec![]),
        ("p1 > write 7; p1 < ok; p2 > write 7; p2 < ok; p1 > read; p1 < ok 7".to_owned(), Unknown, vec![]),
    ];
    for (script, validity, rules) in rows {
        let report = judge(PropertyKind::Session, &plain(), &script).expect(&script);
        let found: Vec<Rule> = report.found.keys().copied().collect();
        assert_eq!((report.validity, found), (validity, rules), "{script}\n{report:#?}");
    }
    told(
        PropertyKind::Session,
        &plain(),
        "p1 > x: write 1; p1 < ok; p1 > x: write 2; p1 < ok; p1 > x: read; p1 < ok 1",
        "no order of the values of x fits: p1 wrote 1 and then wrote 2 (monotonic writes); \
         p1 wrote 2 and then read 1 (read your writes)",
    );
}

#[test]
fn set_full() {
    let rows: &[Row] = &[
        ("p1 > add 0; p1 < ok", Unknown, &[]),
        ("p1 > add 0; p2 > read; p2 < ok []", Unknown, &[]),
        ("p1 > add 0; p1 < fail; p2 > read; p2 < ok []", Unknown, &[]),
        // A read that has it, before, around, inside and after.
        ("p2 > read; p1 > add 0; p2 < ok [0]; p1 < ok", Valid, &[]),
        ("p2 > read; p1 > add 0; p1 < ok; p2 < ok [0]", Valid, &[]),
        ("p1 > add 0; p2 > read; p2 < ok [0]; p1 < info", Valid, &[]),
        ("p1 > add 0; p1 < ok; p2 > read; p2 < ok [0]", Valid, &[]),
        // A read that lacks it, likewise.
        ("p2 > read; p1 > add 0; p2 < ok []; p1 < ok", Unknown, &[]),
        ("p1 > add 0; p2 > read; p1 < ok; p2 < ok []", Unknown, &[]),
        ("p1 > add 0; p1 < ok; p2 > read; p2 < ok []", Invalid, &[Rule::Lost]),
        ("p1 > add 0; p2 > read; p2 < ok [0]; p2 > read; p2 < ok []", Invalid, &[Rule::Lost]),
        ("p1 > add 0; p1 < info; p2 > read; p2 < ok []", Unknown, &[]),
        ("p1 > add 0; p1 < ok; p2 > read; p2 < info", Unknown, &[]),
        ("p1 > add 0; p1 < ok; p2 > read; p2 < ok [0, 0]", Invalid, &[Rule::Duplicated]),
        ("p2 > read; p2 < ok [0]", Invalid, &[Rule::FromNowhere]),
        ("p1 > add 0; p1 < fail; p2 > read; p2 < ok [0]", Invalid, &[Rule::Aborted]),
        ("p1 > add 0; p1 < fail; p1 > add 0; p1 < ok; p2 > read; p2 < ok [0]", Valid, &[]),
        ("p2 > read; p2 < ok [0]; p1 > add 0; p1 < ok", Invalid, &[Rule::Premature]),
    ];
    table(PropertyKind::SetFull, &plain(), rows);
    let strict = PropertyOptions { linearizable: true, ..plain() };
    table(PropertyKind::SetFull, &strict, rows);
    let stale = "p1 > add 0; p1 < ok; p3 > read; p3 < ok []; p2 > read; p2 < ok [0]";
    table(PropertyKind::SetFull, &plain(), &[(stale, Valid, &[Rule::Stale])]);
    table(PropertyKind::SetFull, &strict, &[(stale, Invalid, &[Rule::Stale])]);
    told(
        PropertyKind::SetFull,
        &strict,
        stale,
        "p3's read did not have 0, although p1's add of it had completed before; p2 did read it later",
    );
}

/// Worked out by hand, in milliseconds (the number of the event): 0 is known at 1 (add), 1 at 4 (p2's read), 2 at 12.
#[test]
fn latencies_of_a_set() {
    let script = "p0 > add 0; p0 < ok; p1 > add 1; p2 > read; p2 < ok [1]; p1 < ok
                  p2 > read; p3 > read; p3 < ok [1]; p2 < ok [0]
                  p3 > add 2; p2 > read; p3 < ok; p2 < ok [2, 1]
                  p2 > read; p2 < ok [1, 2]";
    let report = judge(PropertyKind::SetFull, &plain(), script).unwrap();
    let ms = |ms: u64| ms * 1_000_000;
    // 0 was last in the read that began at 6, and is lacking from 7 on, then from 11 and 14: lost 6 - 1 after it was known.
    let lost =
        Quantiles { measured: 1, min: ms(5), p50: ms(5), p95: ms(5), p99: ms(5), max: ms(5) };
    assert_eq!(report.quantiles["lost-latency"], lost);
    // 1 was lacking last in the read that began at 6, 2 after it was known; 2 never after it was known.
    let stable = Quantiles { measured: 2, min: 0, p50: ms(2), p95: ms(2), p99: ms(2), max: ms(2) };
    assert_eq!(report.quantiles["stable-latency"], stable);
    let counts: Vec<u64> = ["attempted", "stable", "lost", "stale", "never-read", "reads"]
        .map(|name| report.counts[name])
        .into();
    assert_eq!(counts, [3, 2, 1, 1, 0, 5]);
}

#[test]
fn unique_ids() {
    table(
        PropertyKind::UniqueIds,
        &plain(),
        &[
            ("p1 > generate; p1 < info", Unknown, &[]),
            ("p1 > generate; p1 < ok 1; p1 > generate; p1 < ok 2", Valid, &[]),
            ("p1 > generate; p1 < ok 1; p1 > generate; p1 < ok \"1\"", Valid, &[]),
            ("p1 > generate; p1 < ok [1, 2]; p1 > generate; p1 < ok [2, 1]", Valid, &[]),
            ("p1 > generate; p1 < ok 1; p1 > generate; p1 < ok 1", Invalid, &[Rule::Duplicated]),
            ("p1 > generate; p1 < ok 1; p1 > generate; p1 < fail 1", Valid, &[]),
        ],
    );
    told(
        PropertyKind::UniqueIds,
        &plain(),
        "p1 > generate; p2 > generate; p2 < ok 7; p1 < ok 7",
        "p1 was given the id 7, but p2 had been given it before; it was handed out twice",
    );
}

#[test]
fn total_queue() {
    let kind = PropertyKind::TotalQueue;
    table(
        kind,
        &plain(),
        &[
            ("p1 > drain; p1 < ok []", Unknown, &[]),
            ("p1 > enqueue 1; p1 < ok; p1 > drain; p1 < ok [1]", Valid, &[]),
            ("p1 > enqueue 1; p1 < ok; p1 > dequeue; p1 < ok 1", Valid, &[]),
            ("p1 > enqueue 1; p1 < ok; p1 > dequeue; p1 < ok", Unknown, &[]),
            ("p1 > enqueue 1; p1 < ok; p1 > drain; p1 < ok []", Invalid, &[Rule::Lost]),
            ("p1 > enqueue 1; p2 > drain; p1 < ok; p2 < ok []", Unknown, &[]),
            ("p1 > enqueue 1; p1 < info; p2 > drain; p2 < ok []", Valid, &[]),
            ("p1 > enqueue 1; p1 < info; p2 > drain; p2 < ok [1]", Valid, &[]),
            ("p1 > enqueue 1; p1 < fail; p2 > drain; p2 < ok []", Valid, &[]),
            ("p1 > enqueue 1; p1 < fail; p2 > drain; p2 < ok [1]", Invalid, &[Rule::Aborted]),
            ("p2 > drain; p2 < ok [1]", Invalid, &[Rule::FromNowhere]),
            ("p2 > dequeue; p2 < ok 1; p1 > enqueue 1; p1 < ok", Invalid, &[Rule::Premature]),
            ("p1 > enqueue 1; p1 < ok; p2 > drain; p2 < ok [1, 1]", Invalid, &[Rule::Duplicated]),
            (
                "p1 > enqueue 1; p1 < ok; p1 > enqueue 1; p1 < ok; p2 > drain; p2 < ok [1, 1]",
                Valid,
                &[],
            ),
            // The second is put in too late to come out twice by then.
            (
                "p1 > enqueue 1; p1 < ok; p2 > drain; p2 < ok [1, 1]; p1 > enqueue 1; p1 < info",
                Invalid,
                &[Rule::Duplicated],
            ),
            (
                "p1 > enqueue 1; p1 < ok; p1 > enqueue 1; p1 < ok; p2 > drain; p2 < ok [1]",
                Invalid,
                &[Rule::Lost],
            ),
            // One may have gone to the crashed dequeue, whenever it was invoked; two not.
            (
                "p3 > dequeue; p3 < info; p1 > enqueue 1; p1 < ok; p2 > drain; p2 < ok []",
                Valid,
                &[],
            ),
            (
                "p3 > dequeue; p3 < info; p1 > enqueue 1; p1 < ok; p1 > enqueue 2; p1 < ok; p2 > drain; p2 < ok []",
                Invalid,
                &[Rule::Lost],
            ),
            (
                "p3 > drain; p3 < info; p1 > enqueue 1; p1 < ok; p1 > enqueue 2; p1 < ok; p2 > drain; p2 < ok []",
                Valid,
                &[],
            ),
            (
                "p3 > dequeue; p3 < fail; p1 > enqueue 1; p1 < ok; p2 > drain; p2 < ok []",
                Invalid,
                &[Rule::Lost],
            ),
        ],
    );
}

#[test]
fn total_queue_by_other_means() {
    let kind = PropertyKind::TotalQueue;
    let drained = PropertyOptions { drained: true, ..plain() };
    table(
        kind,
        &drained,
        &[
            ("p1 > enqueue 1; p1 < ok", Invalid, &[Rule::Lost]),
            ("p1 > enqueue 1; p1 < ok; p2 > dequeue; p2 < ok 1; p2 > dequeue; p2 < ok", Valid, &[]),
        ],
    );
    let report = judge(
        kind,
        &plain(),
        "p1 > enqueue 1; p1 < info; p2 > enqueue 2; p2 < ok; p3 > drain; p3 < ok [2, 1]",
    )
    .unwrap();
    assert_eq!((report.counts["recovered"], report.counts["acknowledged"]), (1, 1));
}

#[test]
fn counter() {
    let kind = PropertyKind::Counter;
    table(
        kind,
        &plain(),
        &[
            ("p1 > add 1; p1 < ok", Unknown, &[]),
            ("p1 > read; p1 < ok 0", Valid, &[]),
            ("p1 > read; p1 < ok", Valid, &[]),
            ("p1 > read; p1 < ok 1", Invalid, &[Rule::OutOfBounds]),
            ("p1 > add 1; p1 < ok; p1 > read; p1 < ok 1", Valid, &[]),
            ("p1 > add 1; p1 < ok; p1 > read; p1 < ok 0", Invalid, &[Rule::OutOfBounds]),
            ("p1 > add 1; p2 > read; p2 < ok 0; p1 < ok", Valid, &[]),
            ("p1 > add 1; p2 > read; p2 < ok 1; p1 < ok", Valid, &[]),
            ("p2 > read; p1 > add 1; p1 < ok; p2 < ok 1", Valid, &[]),
            ("p2 > read; p2 < ok 1; p1 > add 1; p1 < ok", Invalid, &[Rule::OutOfBounds]),
            ("p1 > add 1; p1 < info; p2 > read; p2 < ok 1; p2 > read; p2 < ok 0", Valid, &[]),
            ("p1 > add 1; p1 < fail; p2 > read; p2 < ok 1", Invalid, &[Rule::OutOfBounds]),
            (
                "p1 > inc; p1 < ok; p1 > dec 3; p1 < ok; p1 > add -1; p1 < ok; p1 > read; p1 < ok -3",
                Valid,
                &[],
            ),
            ("p1 > dec; p1 < info; p2 > read; p2 < ok -1", Valid, &[]),
            ("p1 > dec; p1 < info; p2 > read; p2 < ok -2", Invalid, &[Rule::OutOfBounds]),
            // The increment was complete before the decrement began: never below zero.
            ("p2 > read; p1 > inc; p1 < ok; p1 > dec; p1 < ok; p2 < ok 1", Valid, &[]),
            (
                "p2 > read; p1 > inc; p1 < ok; p1 > dec; p1 < ok; p2 < ok -1",
                Invalid,
                &[Rule::OutOfBounds],
            ),
        ],
    );
    let ten = PropertyOptions { initial: Some(Value::Int(10)), ..plain() };
    table(
        kind,
        &ten,
        &[
            ("p1 > read; p1 < ok 10", Valid, &[]),
            ("p1 > read; p1 < ok 0", Invalid, &[Rule::OutOfBounds]),
        ],
    );
    told(
        kind,
        &plain(),
        "p1 > c: add 5; p1 < ok; p2 > c: read; p2 < ok 4",
        "p2 read 4 from c, but it was at least 5 all the while",
    );
}

#[test]
fn what_does_not_fit_names_the_event() {
    use PropertyKind::{
        Bank, Counter, Log, LongFork, Monotonic, Session, SetFull, TotalQueue, UniqueIds,
    };
    let shift = "p9 > read; p9 < info; ";
    let cases = [
        (Bank, "p1 > deposit 3", 0, "has no function `deposit`; it has read, transfer"),
        (Bank, "p1 > transfer 3", 0, "expected [from to amount]"),
        (Bank, "p1 > transfer [1, 2, -3]", 0, "expected [from to amount]"),
        (Bank, "p1 > read; p1 < ok 3", 1, "expected [[account balance] ...]"),
        (Bank, "p1 > read; p1 < ok [[1, 2], [\"1\", 2]]", 1, "expected [[account balance] ...]"),
        (
            LongFork,
            "p1 > txn [[\"r\", 1, null], [\"w\", 2, 1]]",
            0,
            "expected [[r k nil] ...] or [[w k v]]",
        ),
        (LongFork, "p1 > read [[\"r\", 1, null]]; p1 < ok 5", 1, "expected [[r k v] ...]"),
        (Monotonic, "p1 > read; p1 < ok \"x\"", 1, "expected a whole number"),
        (Monotonic, "p1 > write 1", 0, "no function `write`"),
        (Session, "p1 > cas [1, 2]", 0, "no function `cas`"),
        (Session, "p1 > write", 0, "other than the initial one"),
        (SetFull, "p1 > read; p1 < ok 5", 1, "expected the elements, as a list"),
        (SetFull, "p1 > add", 0, "expected an element"),
        (UniqueIds, "p1 > generate; p1 < ok", 1, "expected an id"),
        (TotalQueue, "p1 > drain; p1 < ok 5", 1, "expected a list"),
        (TotalQueue, "p1 > enqueue", 0, "expected a value"),
        (Counter, "p1 > read; p1 < ok []", 1, "expected a whole number"),
        (Counter, "p1 > add", 0, "expected a whole number"),
        (Counter, "p1 > dec -9223372036854775808", 0, "expected a whole number"),
        (Log, "p1 > send 5", 0, "expected [[send k v] ...]"),
        (Log, "p1 > send [[\"poll\"]]", 0, "expected [[send k v] ...]"),
        (
            Log,
            "p1 > send [[\"send\", 1, 2]]; p1 < ok [[\"send\", 1, [0, 3]]]",
            1,
            "expected [[send k [offset v]] ...]",
        ),
        (Log, "p1 > send [[\"send\", 1, 2]]; p1 < ok []", 1, "expected [[send k [offset v]] ...]"),
        (
            Log,
            "p1 > poll [[\"poll\"]]; p1 < ok [[\"poll\", [[1, [[-1, 3]]]]]]",
            1,
            "expected [[send k [offset v]] ...]",
        ),
        (Log, "p1 > assign 5", 0, "expected the logs, as a list"),
    ];
    for (kind, script, event, text) in cases {
        let error = judge(kind, &plain(), script).expect_err(script);
        assert_eq!(error.event(), Some(event), "{script}: {error}");
        assert!(error.to_string().contains(text), "{script}: {error}");
        // The position is that of the event in the history, not within the object.
        if kind != Log && kind != TotalQueue && kind != UniqueIds && kind != LongFork {
            let error = judge(kind, &plain(), &format!("{shift}{script}")).expect_err(script);
            assert_eq!(error.event(), Some(event + 2), "{script}: {error}");
        }
    }
    let text = PropertyOptions { initial: Some(Value::from("x")), ..plain() };
    let error = judge(Counter, &text, "p1 > read; p1 < ok 1").unwrap_err();
    assert_eq!(error.to_string(), "property counter: expected a whole number as the initial value");
}

#[test]
fn names_are_found_again_and_all_are_described() {
    for kind in PropertyKind::ALL {
        assert_eq!(PropertyKind::from_name(kind.name()), Some(kind));
        assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        assert!(!kind.summary().is_empty() && !kind.functions().is_empty());
        assert!(!kind.shapes().is_empty());
    }
    assert_eq!(PropertyKind::from_name("nothing"), None);
}

#[test]
fn findings_are_counted_beyond_those_shown() {
    let script: Vec<String> =
        (0..40).map(|_| "p1 > generate; p1 < ok 7; p1 > generate; p1 < ok 8".into()).collect();
    let few = PropertyOptions { findings_max: 1, ..plain() };
    let report = judge(PropertyKind::UniqueIds, &few, &script.join("; ")).unwrap();
    assert_eq!((report.findings.len(), report.found[&Rule::Duplicated]), (1, 2));
    let none = PropertyOptions { findings_max: 0, ..plain() };
    let report = judge(PropertyKind::UniqueIds, &none, &script.join("; ")).unwrap();
    assert!(report.reason.is_some(), "{report:?}");
}
