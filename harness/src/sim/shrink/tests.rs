use super::*;
use crate::nemesis::FaultSpec;
use crate::proxy::{Link, LinkRule};
use crate::sim::campaign::outcome_of;
use crate::sim::plan::SECOND;
use crate::sim::run::run;
use crate::sim::swarm::{Wishes, draw};

/// The first seed of which the run with a bug fails as wanted.
fn failing(bug: &str, without: &[&str], wanted: impl Fn(&Oracle) -> bool) -> Outcome {
    let wishes = Wishes {
        nodes: Some(3),
        workload: Some("register".to_owned()),
        bugs: vec![bug.to_owned()],
        without: without.iter().map(ToString::to_string).collect(),
        storm: Some(3 * SECOND),
        ..Wishes::default()
    };
    let workload = rashomon_workloads::by_name("register").unwrap();
    let runs = (0..100).map(|seed| run(&draw(seed, &wishes), workload));
    let fails =
        |outcome: &Outcome| outcome.findings.first().is_some_and(|finding| wanted(&finding.oracle));
    let mut failing = runs.filter(fails);
    failing.next().unwrap()
}

#[test]
fn a_schedule_leads_to_the_same_run_as_its_seed() {
    for seed in 0..24 {
        let bugs = match seed % 3 {
            0 => vec![],
            1 => vec!["ack-on-append".to_owned()],
            _ => vec!["commit-minority".to_owned()],
        };
        let wishes = Wishes { bugs, storm: Some(SECOND), ..Wishes::default() };
        let mut plan = draw(seed, &wishes);
        if seed % 4 == 0 {
            (plan.temper.brittle, plan.temper.doomed) = (2_000, 80);
        }
        let workload = rashomon_workloads::by_name(&plan.workload).unwrap();
        let one = run(&plan, workload);
        let schedule: Schedule = one.schedule().parse().unwrap();
        assert_eq!(schedule.plan, plan, "seed {seed}");
        let other = replay(&schedule, workload);
        assert_eq!(other.findings, one.findings, "seed {seed}");
        assert_eq!(other.history, one.history, "seed {seed}");
        assert_eq!((other.hash, other.time), (one.hash, one.time), "seed {seed}");
        assert_eq!(other.schedule(), one.schedule(), "seed {seed}");
    }
}

#[test]
fn what_is_left_out_is_not_done_and_nothing_else_changes() {
    let mut plan = SimPlan::calm(3, 3);
    plan.storm = SECOND;
    (plan.clients, plan.rate) = (4, 40.0);
    let workload = rashomon_workloads::by_name(&plan.workload).unwrap();
    let whole = run(&plan, workload);
    let kept: Vec<(usize, u64)> = whole
        .begun
        .iter()
        .copied()
        .filter(|(client, place)| *client != 2 && place % 2 == 0)
        .collect();
    plan.omitted = all_but(&kept, plan.clients);
    let part = run(&plan, workload);
    assert_eq!(part.begun, kept);
    let invoked = |outcome: &Outcome| {
        let load = outcome.history.iter().filter(|event| event.kind == EventKind::Invoke);
        load.map(|event| (event.time, event.process, event.f.clone())).collect::<Vec<_>>()
    };
    let (before, after) = (invoked(&whole), invoked(&part));
    assert!(after[..10].iter().all(|one| before.contains(one)), "{after:?}\n{before:?}");
    assert!(part.history.iter().all(|event| event.process.0 % 4 != 2));
}

#[test]
fn a_failing_run_gets_small_and_still_fails_in_the_same_way() {
    let unsafe_ack = failing("ack-on-append", &[], |oracle| matches!(oracle, Oracle::Invariant(_)));
    let seen_by_clients: Vec<&str> = crate::sim::invariant_names().collect();
    let minority =
        failing("commit-minority", &seen_by_clients, |oracle| *oracle == Oracle::Linearizability);
    for outcome in [unsafe_ack, minority] {
        let shrunk = shrink(&outcome, 300, &|| false).unwrap();
        let Shrunk { before, after, tries, .. } = &shrunk;
        anstream::eprintln!("{before:?} -> {after:?} in {tries}\n{}", shrunk.outcome.schedule());
        assert!(after.faults <= 3 && after.clients <= 4 && after.operations <= 12, "{after:?}");
        assert!(after.time < before.time && *tries <= 300);
        let schedule: Schedule = shrunk.outcome.schedule().parse().unwrap();
        let workload = rashomon_workloads::by_name("register").unwrap();
        let again = replay(&schedule, workload);
        assert_eq!(again.findings[0].oracle, outcome.findings[0].oracle);
        assert_eq!(again.hash, shrunk.outcome.hash);
    }
}

#[test]
fn of_a_partition_only_the_links_are_left_that_matter() {
    let wishes = Wishes {
        nodes: Some(5),
        workload: Some("register".to_owned()),
        faults: Some(vec![FaultSpec("partition-leader-alone".to_owned())]),
        bugs: vec!["local-leader-read".to_owned()],
        storm: Some(2 * SECOND),
        ..Wishes::default()
    };
    let links = |outcome: &Outcome| {
        let of = |strike: &Strike| match &strike.act {
            Act::Links { links, .. } => links.len(),
            _ => 0,
        };
        outcome.strikes.iter().map(of).max().unwrap_or(0)
    };
    let mut runs = (0..100).map(|seed| outcome_of(seed, &wishes));
    let outcome = runs.find(|outcome| !outcome.findings.is_empty()).unwrap();
    assert_eq!(links(&outcome), 8);
    let workload = rashomon_workloads::by_name("register").unwrap();
    let (signature, best) =
        (outcome.findings[0].oracle.clone(), replay(&plain(&outcome), workload));
    let mut shrinker =
        Shrinker { workload, signature, best, tries: 0, tries_max: 100, stop: &|| false };
    shrinker.cut_end();
    shrinker.drop_strikes();
    shrinker.thin_links();
    let left = shrinker.best.schedule();
    assert!((1..=6).contains(&links(&shrinker.best)), "{left}");
}

#[test]
fn nodes_leave_their_places_to_the_last() {
    let links = |pairs: &[(usize, usize)]| pairs.iter().map(|(a, b)| Link::peers(*a, *b)).collect();
    let cut = |pairs| Act::Links { links: links(pairs), rule: LinkRule::Cut };
    let strike = |act| Strike { at: 1, until: 2, act, fault: None };
    let acts = [
        cut(&[(0, 1), (1, 4), (4, 0), (3, 2)]),
        cut(&[(1, 3)]),
        Act::Kill { node: 1 },
        Act::Pause { node: 4 },
        Act::Kill { node: 2 },
    ];
    let strikes = acts.map(strike).to_vec();
    let schedule = Schedule { plan: SimPlan::calm(1, 5), strikes, end: None };
    let of = |gone: &[usize]| {
        let Schedule { plan, strikes, .. } = without(schedule.clone(), gone);
        (plan.nodes, strikes.into_iter().map(|strike| strike.act).collect::<Vec<_>>())
    };
    let pause = Act::Pause { node: 1 };
    let cut_to_last = cut(&[(1, 0), (3, 2)]);
    assert_eq!(of(&[1]), (4, vec![cut_to_last, pause, Act::Kill { node: 2 }]));
    let cuts = [cut(&[(0, 1)]), Act::Kill { node: 1 }, Act::Kill { node: 2 }];
    assert_eq!(of(&[3, 4]), (3, cuts.to_vec()));
    assert_eq!(of(&[0, 1, 2, 3]), (1, vec![Act::Pause { node: 0 }]));
}

#[test]
fn a_run_in_which_nothing_is_wrong_cannot_be_shrunk() {
    let mut plan = SimPlan::calm(1, 1);
    plan.storm = SECOND / 10;
    let outcome = run(&plan, rashomon_workloads::by_name("register").unwrap());
    assert!(shrink(&outcome, 10, &|| false).is_none());
}

#[test]
fn masks_leave_out_all_but_what_is_kept() {
    let omitted = all_but(&[(0, 0), (0, 1), (0, 5), (2, 3)], 3);
    let of = |client, operations| Omitted { client, operations };
    assert_eq!(
        omitted,
        [
            of(0, Some(2..=4)),
            of(0, Some(6..=u64::MAX)),
            of(1, None),
            of(2, Some(0..=2)),
            of(2, Some(4..=u64::MAX)),
        ]
    );
}
