use super::*;
use crate::bugs::example::Small;
use crate::bugs::hunt::Example;
use crate::report::kills;
use crate::sim::{Finding, Needs, Oracle, Size};

fn size(operations: usize) -> Size {
    Size { nodes: 3, faults: 1, clients: 2, operations, time: 1_200_000_000 }
}

fn counts(of: &[(&str, u64)]) -> std::collections::BTreeMap<String, u64> {
    of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

/// Ten catches, eight of them first by an invariant; made small.
fn caught(bug: Bug, backend: &str) -> Hunt {
    let small = Small {
        file: format!("examples/{bug}.txt"),
        before: size(900),
        after: Some(size(4)),
        tries: 120,
        minimal: true,
        needs: Needs {
            faults: vec!["partition".to_owned()],
            conditions: vec!["weather.loss".to_owned()],
        },
    };
    let finding = Finding {
        oracle: Oracle::Invariant("leader-completeness".to_owned()),
        at: 5,
        what: "n2 <lost> \"it\" | all".to_owned(),
    };
    let is_sim = backend == "sim";
    let example = Example {
        seed: 7,
        finding,
        command: format!("rashomon sim --seed 7 --bug {bug} `a|b` <x>"),
        folder: (!is_sim).then(|| "../runs/7 a".to_owned()),
        small: is_sim.then_some(small),
    };
    Hunt {
        runs: 40,
        operations: 61_933,
        seconds: 12.5,
        catches: 10,
        first: counts(&[("invariant leader-completeness", 8), ("linearizability", 2)]),
        seen_by: counts(&[
            ("invariant leader-completeness", 8),
            ("invariant log-matching", 3),
            ("linearizability", 4),
        ]),
        seen_by_kind: counts(&[("invariant", 9), ("linearizability", 4)]),
        example: Some(example),
        ..Hunt::new(Some(bug), backend)
    }
}

fn missed(bug: Bug, backend: &str) -> Hunt {
    Hunt { runs: 300, seconds: 60.2, directed: true, ..Hunt::new(Some(bug), backend) }
}

fn sample() -> Matrix {
    let rows = vec![
        Row::new(Bug::HalfQuorum, Some(caught(Bug::HalfQuorum, "sim")), None),
        Row::new(
            Bug::CommitMinority,
            Some(caught(Bug::CommitMinority, "sim")),
            Some(caught(Bug::CommitMinority, "process")),
        ),
        Row::new(Bug::Figure8, Some(missed(Bug::Figure8, "sim")), None),
        Row::new(
            Bug::StaleNack,
            Some(caught(Bug::StaleNack, "sim")),
            Some(missed(Bug::StaleNack, "process")),
        ),
    ];
    let clean = Hunt { runs: 3_000, operations: 4_000_000, ..Hunt::new(None, "sim") };
    Matrix::new("rashomon bugs <&> `x`".to_owned(), 60.0, rows, vec![clean])
}

#[test]
fn bugs_are_counted_by_class_and_backend() {
    let matrix = sample();
    let of = |class, backend| {
        let ClassCount { hunted, caught, out_of_reach, .. } = matrix.of_class(class, backend);
        (hunted, caught, out_of_reach)
    };
    assert_eq!(of("E", "sim"), (2, 2, 0));
    assert_eq!(of("E", "process"), (1, 1, 0));
    assert_eq!(of("VH", "sim"), (1, 0, 0));
    assert_eq!(of("VH", "process"), (0, 0, 1));
    assert_eq!((matrix.caught(), matrix.alarms()), (3, 0));
    assert_eq!(matrix.headline(), "3 of 4 bugs caught; no alarm in 3,000 runs of correct builds.");
    assert_eq!(matrix.backends(), ["sim", "process"]);
}

#[test]
fn a_bug_knows_who_saw_it_first_and_what_it_needs() {
    let row = Row::new(Bug::HalfQuorum, Some(caught(Bug::HalfQuorum, "sim")), None);
    let said = row.sim.unwrap();
    assert_eq!(said.first_oracle(), Some("invariant leader-completeness"));
    let sight = said.sight("invariant");
    assert_eq!((sight.seen, sight.first, sight.catches), (9, 8, 10));
    assert_eq!(sight.names[0], ("invariant leader-completeness".to_owned(), 8));
    assert!(said.is_first("invariant") && !said.is_first("linearizability"));
    assert_eq!(said.sight("crash").seen, 0);
    assert_eq!(said.needs(), Some(vec!["partition", "weather.loss"]));
}

#[test]
fn ledgers_of_before_have_hunts_that_can_be_told() {
    let line = r#"{"bug":"half-quorum","tool_version":"0.1.0","backend":"sim","directed":false,"next_seed":9,
        "runs":9,"operations":99,"seconds":1.5,"catches":3,"alarms":0,"first":{"crash":3},
        "seen_by":{"crash":3,"invariant a":2,"invariant b":1},
        "example":{"seed":4,"finding":{"oracle":"crash","at":1,"what":"x"},"command":"rashomon sim --seed 4"}}"#;
    let hunt: Hunt = serde_json::from_str(line).unwrap();
    let row = Row::new(Bug::HalfQuorum, Some(hunt), None);
    let said = row.sim.as_ref().unwrap();
    assert_eq!(said.sight("invariant").seen, 2);
    assert_eq!(said.needs(), None);
    let matrix = Matrix::new(String::new(), 1.0, vec![row], Vec::new());
    assert!(matrix.markdown().contains("`rashomon sim --seed 4`"));
    assert!(kills::render(&matrix).contains("rashomon sim --seed 4<"));
}

#[test]
fn survivors_say_why() {
    let matrix = sample();
    let survivors: Vec<_> = matrix
        .survivors()
        .into_iter()
        .map(|(row, backend, why)| (row.name, backend, why.reason, why.words.clone()))
        .collect();
    let names: Vec<_> = survivors.iter().map(|(name, backend, ..)| (*name, *backend)).collect();
    assert_eq!(names, [("figure-8", "sim"), ("stale-nack", "process")]);
    assert!(survivors[0].3.contains("60 s and 300 runs"), "{survivors:?}");
}

#[test]
fn reasons_follow_from_the_faults_that_a_backend_has() {
    let why = |bug: Bug, backend| why_not(bug.about(), &missed(bug, backend));
    let luck = why(Bug::NoDedupe, "sim");
    assert_eq!(luck.reason, Reason::Budget);
    assert!(luck.words.starts_with("budget: not in 60 s and 300 runs, the last of them directed"));
    let lacking = why(Bug::NoDedupe, "process");
    assert_eq!(lacking.reason, Reason::Fault);
    assert_eq!(lacking.words, "needs doubling, which we lack; 60 s and 300 runs without");
    assert_eq!(out_of_reach(Bug::CommitMinority.about()), None);
    let far = out_of_reach(Bug::NoDedupe.about()).unwrap();
    assert_eq!(far, "needs doubling, which real processes do not have");
    let far = out_of_reach(Bug::GapInBatch.about()).unwrap();
    assert!(far.starts_with("cannot be brought about on real processes: "), "{far}");
}

/// What helps a bug is a fault, or something else that is known: a name that is neither is a slip of the pen.
#[test]
fn the_simulator_has_all_that_helps_but_what_is_named_here() {
    let lacking: Vec<&str> =
        Bug::ALL.into_iter().flat_map(|bug| lacking(bug.about(), "sim")).collect();
    assert_eq!(lacking, ["crash-in-sync"]);
}

#[test]
fn markdown_keeps_cells_apart() {
    let page = sample().markdown();
    for table in page.split("\n\n").filter(|part| part.starts_with('|')) {
        let bars = |line: &str| line.replace("\\|", "").matches('|').count();
        let first = bars(table.lines().next().unwrap());
        for line in table.lines() {
            assert_eq!(bars(line), first, "{line}");
        }
    }
    assert!(page.contains("| E11 `half-quorum` | E | sim |"), "{page}");
    assert!(page.contains("**90 %** leader-completeness, log-matching"), "{page}");
    assert!(page.contains("[4 operations](examples/half-quorum.txt)"), "{page}");
    assert!(page.contains("[run](../runs/7%20a)"), "{page}");
    assert!(page.contains("| sim | 3,000 | 4,000,000 | 0 | below 0.100 % |"), "{page}");
    assert!(page.contains("out of reach: needs doomed-leader, hold-kind"), "{page}");
}

#[test]
fn pages_are_the_same_each_time_and_nothing_is_markup() {
    let page = kills::render(&sample());
    assert_eq!(page, kills::render(&sample()));
    assert!(!page.contains("<lost>") && !page.contains("<x>") && !page.contains("<&>"));
    for part in
        ["NOT ALL CAUGHT", "id=\"survivors\"", "examples/half-quorum.txt", "id=\"figure-8\""]
    {
        assert!(page.contains(part), "{part}");
    }
    assert!(page[..512].contains("content=\"rashomon bugs\""));
}

#[test]
fn hunts_that_came_to_nothing_have_pages_too() {
    let nothing = Matrix::new(String::new(), 0.0, Vec::new(), Vec::new());
    assert!(kills::render(&nothing).contains("NOTHING HUNTED"));
    assert!(nothing.markdown().contains("No bug was hunted"));
    let begun = Hunt::new(Some(Bug::HalfQuorum), "process");
    let row = Row::new(Bug::HalfQuorum, None, Some(begun));
    let matrix = Matrix::new(String::new(), 0.0, vec![row], vec![Hunt::new(None, "process")]);
    assert!(kills::render(&matrix).contains("Not caught"));
    assert!(matrix.markdown().contains("**not caught**"));
}

#[test]
fn alarms_are_told_above_all_else() {
    let alarm = Hunt {
        catches: 1,
        runs: 5,
        example: caught(Bug::Figure8, "sim").example,
        ..Hunt::new(None, "sim")
    };
    let matrix = Matrix::new(String::new(), 1.0, Vec::new(), vec![alarm]);
    assert_eq!(matrix.clean[0].chance_below, None);
    let page = kills::render(&matrix);
    assert!(page.contains("FALSE ALARM") && page.contains("⬣ alarm"));
    assert!(matrix.headline().ends_with("1 alarm in 5 runs of correct builds."));
}
