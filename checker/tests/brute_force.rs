//! Deciders and searches against brute force, on many small random histories of every model: a small share of what the
//! example `fuzz_gate` runs by the million, and on some of them every engine, several threads and a second brute force.

#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/random.rs"]
mod random;
#[path = "support/small.rs"]
mod small;

use oracle::is_linearizable;
use rashomon_checker::check::{CheckOptions, CheckReport, Engine, ModelKind, Validity, check};
use rashomon_checker::history::{Event, EventKind, History};
use small::brute::Brute;
use small::case::Case;
use small::gate::{self, Plan};
use small::{examine, make};

/// Histories of each model, unless `RASHOMON_FUZZ_ROUNDS` says how many.
const ROUNDS: u64 = 20_000;

/// Of these, one in so many is judged by each engine.
const OTHERS_EVERY: u64 = 4;

const SEED: u64 = 1;

fn rounds() -> u64 {
    let told = std::env::var("RASHOMON_FUZZ_ROUNDS").ok();
    told.and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS)
}

fn compare(model: ModelKind) {
    let histories = rounds();
    let plan = Plan { model, engine: Engine::Auto, seed: SEED, histories, jobs: 1 };
    let tally = gate::run(&plan, &|_| {});
    if let Some(round) = tally.first {
        panic!("{} mismatches, such as {}", tally.mismatches, gate::explain(&plan, round));
    }
    let percent = |part: u64| part * 100 / tally.histories.max(1);
    assert!((20..60).contains(&percent(tally.invalid)), "{tally:?}");
    assert!(percent(tally.crashed) > 40, "{tally:?}");
    let (all, invalid) = decided_percent_min(model);
    assert!(percent(tally.decided) >= all, "{tally:?}");
    assert!(tally.decided_invalid * 100 >= tally.invalid * invalid, "{tally:?}");
    let mut brute = Brute::new();
    for round in (0..histories).step_by(OTHERS_EVERY as usize) {
        all_agree(&make::case(model, SEED, round), &mut brute);
    }
}

/// Of 100 histories, and of 100 that are not linearizable, how many must be decided without a search: else the deciders
/// are not what is tested. Values recur in half of them.
fn decided_percent_min(model: ModelKind) -> (u64, u64) {
    match model {
        ModelKind::Mutex | ModelKind::OwnedMutex | ModelKind::FencedMutex | ModelKind::Set => {
            (99, 99)
        }
        ModelKind::ElementSet => (95, 95),
        ModelKind::FifoQueue
        | ModelKind::Stack
        | ModelKind::PriorityQueue
        | ModelKind::VersionedRegister
        | ModelKind::Register
        | ModelKind::AppendList => (65, 65),
        ModelKind::CasRegister | ModelKind::Counter => (55, 55),
        ModelKind::KeyValue => (45, 45),
        ModelKind::MultiRegister => (0, 0),
    }
}

/// Both ways of brute force find the same, and every engine, with one thread and with three; nobody contradicts anybody.
fn all_agree(case: &Case, brute: &mut Brute) {
    let first = brute.first_impossible(case).map(u64::from);
    let rules = case.rules.plain();
    assert_eq!(first.is_none(), is_linearizable(&case.history(), &rules), "{}", case.show());
    if let Some(first) = first {
        let possible = |last: u64| is_linearizable(&as_known(case, last as usize), &rules);
        assert!(!possible(first) && possible(first - 1), "first {first}: {}", case.show());
    }
    let report = judge(case, Engine::Auto, 1);
    let again = judge(case, Engine::Auto, 3);
    let text = |report: &CheckReport| serde_json::to_string(report).expect("JSON");
    assert_eq!(text(&report), text(&again), "three threads report otherwise: {}", case.show());
    for engine in [Engine::Auto, Engine::Wgl, Engine::Frontier, Engine::Compare] {
        let report = judge(case, engine, 1);
        assert_eq!(report.impossible_from, first, "{engine:?}: {}", case.show());
        assert_eq!(
            report.validity == Validity::Valid,
            first.is_none(),
            "{engine:?}: {}",
            case.show()
        );
        if first.is_some() {
            let flaw = examine::flaw(&report, &rules);
            assert!(flaw.is_none(), "{engine:?}: {flaw:?}\n{}\n{report:#?}", case.show());
            let blocked = report.counterexample.expect("looked at").blocked;
            assert_eq!(case.history().op(blocked).ret(), first, "{engine:?}: {}", case.show());
        }
    }
}

fn judge(case: &Case, engine: Engine, threads: usize) -> CheckReport {
    let options = CheckOptions { threads, ..case.rules.options(engine) };
    check(&case.history(), case.rules.model, &options)
        .unwrap_or_else(|error| panic!("{engine:?}: {error}\n{}", case.show()))
}

/// The history as it stood right after event `last`, but for what is known to fail later.
fn as_known(case: &Case, last: usize) -> History {
    let whole = case.history();
    let fails_later = |event: &Event, at: usize| {
        event.kind == EventKind::Invoke
            && whole.ops().any(|operation| {
                operation.call() == at as u64
                    && operation.is_fail()
                    && operation.ret() > Some(last as u64)
            })
    };
    let events = case.events();
    let kept = events.iter().enumerate();
    let kept = kept.filter(|(at, event)| *at <= last && !fails_later(event, *at));
    let kept: Vec<Event> = kept.map(|(_, event)| event.clone()).collect();
    let history = History::from_events(&kept).expect("a history");
    if case.rules.nil_reads_unknown { history.with_nil_reads_unknown() } else { history }
}

#[test]
fn registers_agree_with_brute_force() {
    compare(ModelKind::Register);
}

#[test]
fn cas_registers_agree_with_brute_force() {
    compare(ModelKind::CasRegister);
}

#[test]
fn key_values_agree_with_brute_force() {
    compare(ModelKind::KeyValue);
}

#[test]
fn sets_agree_with_brute_force() {
    compare(ModelKind::Set);
}

#[test]
fn append_lists_agree_with_brute_force() {
    compare(ModelKind::AppendList);
}

#[test]
fn mutexes_agree_with_brute_force() {
    compare(ModelKind::Mutex);
}

#[test]
fn fifo_queues_agree_with_brute_force() {
    compare(ModelKind::FifoQueue);
}

#[test]
fn stacks_agree_with_brute_force() {
    compare(ModelKind::Stack);
}

#[test]
fn priority_queues_agree_with_brute_force() {
    compare(ModelKind::PriorityQueue);
}

#[test]
fn multi_registers_agree_with_brute_force() {
    compare(ModelKind::MultiRegister);
}

#[test]
fn element_sets_agree_with_brute_force() {
    compare(ModelKind::ElementSet);
}

#[test]
fn owned_mutexes_agree_with_brute_force() {
    compare(ModelKind::OwnedMutex);
}

#[test]
fn fenced_mutexes_agree_with_brute_force() {
    compare(ModelKind::FencedMutex);
}

#[test]
fn counters_agree_with_brute_force() {
    compare(ModelKind::Counter);
}

#[test]
fn versioned_registers_agree_with_brute_force() {
    compare(ModelKind::VersionedRegister);
}

#[test]
fn the_gate_finds_the_same_with_any_number_of_threads() {
    let plan = |jobs| {
        let (model, engine) = (ModelKind::CasRegister, Engine::Auto);
        Plan { model, engine, seed: 7, histories: 10_000, jobs }
    };
    let told = |jobs| format!("{:?}", gate::run(&plan(jobs), &|_| {}));
    assert_eq!(told(1), told(3));
}

/// A checker that takes every history for linearizable, judged by the gate's own means.
#[test]
fn what_disagrees_is_made_small() {
    let mut brute = Brute::new();
    let mut wrong = |case: &Case| brute.first_impossible(case).is_some();
    for model in ModelKind::ALL {
        let case = (0..ROUNDS).map(|round| make::case(model, SEED, round)).find(|case| wrong(case));
        let small = small::shrink::shrink(case.expect("one of them"), &mut wrong);
        assert!(wrong(&small), "{}", small.show());
        assert!(small.ops.len() <= 4, "{}", small.show());
        assert!(small.history().len() == small.ops.len(), "{}", small.show());
    }
}
