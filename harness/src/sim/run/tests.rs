use super::*;
use crate::sim::swarm::{Wishes, draw};
use crate::sim::world::Allowance;

/// The run of a plan in which so much may happen.
fn bounded(plan: &SimPlan, allowance: Allowance) -> Outcome {
    let workload = rashomon_workloads::by_name(&plan.workload).unwrap();
    let mut stage = Stage::new(plan, workload);
    stage.world.plan_faults();
    stage.world.allowance = allowance;
    stage.perform(plan, workload)
}

#[test]
fn where_too_much_happens_the_run_ends_at_once_and_that_is_a_finding() {
    let plan = SimPlan::calm(7, 3);
    let allowance = Allowance { events: (2_000, 1_000), ..Allowance::AMPLE };
    let outcome = bounded(&plan, allowance);
    let [Finding { oracle: Oracle::Liveness, at, what }] = &outcome.findings[..] else {
        panic!("{:?}", outcome.findings);
    };
    assert!(what.contains("goes round and round"), "{what}");
    assert_eq!((outcome.time, outcome.end), (*at, Some(*at)));
    assert_eq!(outcome.work.events, 2_001 + at / SECOND * 1_000);
    let again = replay(&outcome.as_schedule(), rashomon_workloads::by_name("register").unwrap());
    assert_eq!((again.hash, again.time), (outcome.hash, outcome.time), "as far as it went");
    assert_eq!(again.findings, [], "a run that was cut short says nothing of what comes later");
    let short = Allowance { entries: (50, 0), ..Allowance::AMPLE };
    let what = bounded(&plan, short).findings.remove(0).what;
    assert!(what.starts_with("51 entries in the log of n"), "{what}");
}

/// Found by simulation: with `append-at-end` a batch that is sent again makes the log longer, a long log is sent again in more
/// and larger batches, and it doubles until all memory is gone, within few events.
#[test]
fn a_log_that_doubles_ends_its_run_before_memory_does() {
    let bugs = vec!["append-at-end".to_owned()];
    let plan = draw(11, &Wishes { bugs, ..Wishes::default() });
    // A tenth of it will do.
    let allowance = Allowance { entries: (2_000, 1_000), ..Allowance::AMPLE };
    let outcome = bounded(&plan, allowance);
    let ends = |finding: &Finding| finding.what.ends_with("something goes round and round");
    assert!(outcome.findings.iter().any(ends), "{:?}", outcome.findings);
    assert!(outcome.work.events < 100_000, "{} events", outcome.work.events);
}
