//! Whole runs.

use super::*;

fn outcome(plan: &SimPlan) -> Outcome {
    run(plan, rashomon_workloads::by_name(&plan.workload).unwrap())
}

#[test]
fn a_calm_cluster_serves_and_nothing_is_found() {
    for nodes in [1, 3, 5] {
        let calm = outcome(&SimPlan::calm(7, nodes));
        assert_eq!(calm.findings, []);
        assert!(calm.operations.ok > 900, "{nodes} nodes: {:?}", calm.operations);
        assert_eq!(calm.operations.info, 0);
    }
}

#[test]
fn a_run_is_the_same_again_and_another_seed_is_another_run() {
    let wishes = Wishes { storm: Some(1_000_000_000), ..Wishes::default() };
    for seed in 0..10 {
        let (one, other) = (outcome_of(seed, &wishes), outcome_of(seed, &wishes));
        assert_eq!((one.hash, one.work, one.time), (other.hash, other.work, other.time));
        assert_eq!(one.history, other.history);
        assert_eq!(one.schedule(), other.schedule());
        assert_ne!(one.hash, outcome_of(seed + 100, &wishes).hash);
    }
}

#[test]
fn correct_clusters_raise_no_alarm() {
    let wishes = Wishes { storm: Some(2_000_000_000), ..Wishes::default() };
    let mut totals = Totals::default();
    for seed in 1_000..1_060 {
        let told = Told::from(outcome_of(seed, &wishes));
        assert_eq!(told.findings, [], "seed {seed}");
        totals.count(&told);
    }
    assert!(totals.operations.ok > 5_000 && totals.faults > 300, "{totals:?}");
}

/// Found by simulation. A log whose last batch was damaged cannot be told from one that was torn there, so damage is done
/// elsewhere (142); entries that took long to be applied went on doing so after healing (174, 511); doubled heartbeats of a
/// leader that had stepped down kept its followers waiting (4793); a sync that had failed under a fault ended after its
/// healing (15, 24, 92).
#[test]
fn seeds_that_once_raised_false_alarms_raise_none() {
    for seed in [15, 24, 92, 142, 174, 511, 1599, 4793, 5046] {
        let outcome = outcome_of(seed, &Wishes::default());
        assert_eq!(outcome.findings, [], "seed {seed}");
    }
}

/// Found by simulation, in the node: a leader sent all that was under way again for each message that had been overtaken, and
/// what it sent doubled with every round trip, to millions of messages.
#[test]
fn messages_that_overtake_each_other_are_not_multiplied() {
    for seed in [41, 438] {
        let outcome = outcome_of(seed, &Wishes::default());
        assert_eq!(outcome.findings, [], "seed {seed}");
        assert!(outcome.work.events < 400_000, "seed {seed}: {} events", outcome.work.events);
    }
}

/// Found by simulation, in the node: opening a log made sure of its last batch only, which was the sync mark of a process that
/// had failed to.
#[test]
fn a_log_that_two_processes_failed_to_sync_survives_a_power_cut() {
    let outcome = outcome_of(8670, &Wishes::default());
    assert_eq!(outcome.findings, []);
}

#[test]
fn each_oracle_finds_what_is_for_it() {
    let found = |bug: &str, seeds: u64, wanted: &dyn Fn(&Oracle) -> bool| {
        let wishes = Wishes { bugs: vec![bug.to_owned()], ..Wishes::default() };
        let mut seen = (0..seeds).flat_map(|seed| outcome_of(seed, &wishes).findings);
        assert!(seen.any(|finding| wanted(&finding.oracle)), "{bug}");
    };
    let is_invariant = |oracle: &Oracle| matches!(oracle, Oracle::Invariant(_));
    found("ack-on-append", 10, &|oracle| *oracle == Oracle::Linearizability);
    found("commit-minority", 10, &is_invariant);
    found("never-campaigns", 3, &|oracle| *oracle == Oracle::Liveness);
    found("fsync-new-segment-only", 60, &|oracle| *oracle == Oracle::Crash);
}

/// A follower that cannot talk with the leader, and others that can: without load its log is as good as theirs. What they
/// answer it decides whether it disturbs anybody. It can do so only once, as its first entry is what the last leader lacks.
#[test]
fn a_leader_that_a_majority_hears_is_not_replaced() {
    let found = |seed, bugs: &[String]| {
        let mut plan = SimPlan::calm(seed, 3);
        (plan.storm, plan.rate, plan.rest) = (500_000_000, 20.0, Rest::Partly);
        plan.bugs = bugs.to_vec();
        outcome(&plan).findings
    };
    let mut replaced = 0;
    for seed in 0..12 {
        assert_eq!(found(seed, &[]), [], "seed {seed}");
        let disturbed = found(seed, &["prevote-no-lease".to_owned()]);
        replaced +=
            u32::from(disturbed.iter().any(|finding| finding.what.ends_with("without load")));
    }
    assert!(replaced >= 4, "{replaced}");
}

#[test]
fn without_invariants_clients_are_the_only_witnesses() {
    let without: Vec<String> = invariant_names().map(str::to_owned).collect();
    let wishes = Wishes { bugs: vec!["ack-on-append".to_owned()], without, ..Wishes::default() };
    for seed in 0..5 {
        let findings = outcome_of(seed, &wishes).findings;
        let inside = findings.iter().find(|finding| matches!(finding.oracle, Oracle::Invariant(_)));
        assert_eq!(inside, None);
    }
}
