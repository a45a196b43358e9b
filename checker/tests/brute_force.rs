//! Deciders and searches against the second opinion, on many small random histories of every model.

#[path = "support/generate.rs"]
mod generate;
#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/spoil.rs"]
mod spoil;

use generate::{Random, Shape};
use oracle::{Rules, is_linearizable};
use rashomon_checker::Value;
use rashomon_checker::check::{CheckOptions, CheckReport, Engine, ModelKind, Validity, check};
use rashomon_checker::history::{Event, EventKind, History, OpId, Operation, Outcome};

/// Histories of each model, unless `RASHOMON_FUZZ_ROUNDS` says how many.
const ROUNDS: u64 = 20_000;

fn rounds() -> u64 {
    let told = std::env::var("RASHOMON_FUZZ_ROUNDS").ok();
    told.and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS)
}
/// Of these, one in so many is judged by each engine.
const OTHERS_EVERY: u64 = 4;

fn options(rules: &Rules, threads: usize) -> CheckOptions<'static> {
    CheckOptions {
        memory_bytes_max: 64 << 20,
        should_stop: &|| false,
        threads,
        initial: Some(rules.initial.clone()),
        failed_cas_observed: rules.failed_cas_observed,
        ..CheckOptions::default()
    }
}

fn history(events: &[Event], rules: &Rules) -> History {
    let history = History::from_events(events).expect("a history");
    if rules.nil_reads_unknown { history.with_nil_reads_unknown() } else { history }
}

fn judge(events: &[Event], rules: &Rules, threads: usize) -> CheckReport {
    judge_by(Engine::Auto, events, rules, threads)
}

fn judge_by(engine: Engine, events: &[Event], rules: &Rules, threads: usize) -> CheckReport {
    let options = CheckOptions { engine, ..options(rules, threads) };
    check(&history(events, rules), rules.model, &options)
        .unwrap_or_else(|error| panic!("{} {engine:?}: {error}\n{}", rules.model, show(events)))
}

fn random_case(model: ModelKind, round: u64) -> (Shape, Rules, Vec<Event>, bool) {
    let mut random = Random(round ^ (model as u64) << 56);
    let initial = if random.chance(50) { Value::Nil } else { Value::Int(0) };
    let shape = Shape {
        model,
        initial: initial.clone(),
        operations: 2 + random.below(6) as usize,
        processes: 2 + random.below(3),
        keys: random.below(3),
        values: if random.chance(50) { 2 } else { 8 },
        crashes: if random.chance(50) { 8 } else { 40 },
    };
    let rules = Rules {
        model,
        initial,
        failed_cas_observed: random.chance(40),
        nil_reads_unknown: random.chance(20),
    };
    let mut events = generate::legal(&shape, &mut random);
    let mut spoilt = false;
    for _ in 0..random.below(3) {
        spoil::spoil(&shape, &mut events, &mut random);
        spoilt = true;
    }
    (shape, rules, events, spoilt)
}

fn compare(model: ModelKind) {
    let mut invalid = 0;
    let mut crashed = 0;
    let mut decided = 0;
    let rounds = rounds();
    for round in 0..rounds {
        let (shape, rules, events, spoilt) = random_case(model, round);
        let expected = is_linearizable(&history(&events, &rules), &rules);
        let report = judge(&events, &rules, 1);
        let found = report.validity == Validity::Valid;
        assert_eq!(
            found,
            expected,
            "{model} round {round}: search says {found}, second opinion {expected}: {shape:?} {rules:?}\n{}",
            show(&events)
        );
        // A refused operation is observed only if the store refused it, not if it was refused at random.
        assert!(expected || spoilt || rules.failed_cas_observed, "round {round} is legal as made");
        if !expected {
            invalid += 1;
            examine(&events, &rules, &report, round);
        }
        crashed += u64::from(report.crashed > 0);
        let again = judge(&events, &rules, 3);
        assert_eq!(
            serde_json::to_string(&report).expect("JSON"),
            serde_json::to_string(&again).expect("JSON"),
            "{model} round {round}: three threads report otherwise than one"
        );
        decided += u64::from(report.engines.iter().all(|used| used.engine == "decider"));
        if round % OTHERS_EVERY == 0 {
            others_agree(&events, &rules, &report, round);
        }
    }
    assert!(invalid > rounds / 20, "only {invalid} of {rounds} histories of {model} are invalid");
    assert!(invalid < rounds * 19 / 20, "{invalid} of {rounds} histories of {model} are invalid");
    assert!(crashed > rounds / 5, "only {crashed} of {rounds} have operations of unknown outcome");
    assert!(
        decided >= rounds / 100 * decided_percent_min(model),
        "only {decided} of {rounds} are decided without a search: {model}"
    );
}

/// Of 100 histories, how many must be decided without a search: else the deciders are not what is tested. Values recur in
/// half of them.
fn decided_percent_min(model: ModelKind) -> u64 {
    match model {
        ModelKind::Mutex | ModelKind::OwnedMutex | ModelKind::FencedMutex | ModelKind::Set => 99,
        ModelKind::FifoQueue
        | ModelKind::Stack
        | ModelKind::PriorityQueue
        | ModelKind::ElementSet
        | ModelKind::VersionedRegister
        | ModelKind::Register
        | ModelKind::CasRegister
        | ModelKind::AppendList => 30,
        ModelKind::KeyValue => 10,
        ModelKind::Counter => 5,
        ModelKind::MultiRegister => 0,
    }
}

/// The searches find the same by themselves, and nobody contradicts anybody.
fn others_agree(events: &[Event], rules: &Rules, report: &CheckReport, round: u64) {
    let blocked = |report: &CheckReport| report.counterexample.as_ref().map(|found| found.blocked);
    for engine in [Engine::Wgl, Engine::Frontier, Engine::Compare] {
        let other = judge_by(engine, events, rules, 1);
        let found = (other.validity, blocked(&other));
        assert_eq!(
            found,
            (report.validity, blocked(report)),
            "{} round {round}, {engine:?}:\n{}",
            rules.model,
            show(events)
        );
        if other.validity == Validity::Invalid {
            examine(events, rules, &other, round);
        }
    }
}

/// A counterexample must hold up by itself.
fn examine(events: &[Event], rules: &Rules, report: &CheckReport, round: u64) {
    let context = || format!("{} round {round}:\n{}\n{report:#?}", rules.model, show(events));
    let counterexample = report.counterexample.as_ref();
    let counterexample = counterexample.unwrap_or_else(|| panic!("none: {}", context()));
    let whole = history(events, rules);
    let blocked = whole.op(counterexample.blocked);
    let first = blocked.ret().expect("the blocked operation completed") as usize;
    assert!(!is_linearizable(&as_known(&whole, events, first, rules), rules), "{}", context());
    assert!(is_linearizable(&as_known(&whole, events, first - 1, rules), rules), "{}", context());
    let ids: Vec<OpId> = counterexample.operations.iter().map(|operation| operation.id).collect();
    assert!(ids.contains(&counterexample.blocked), "{}", context());
    assert!(counterexample.contradicts.is_none_or(|id| ids.contains(&id)), "{}", context());
    let mentioned = |step: &rashomon_checker::counterexample::Step| ids.contains(&step.op);
    assert!(counterexample.linearization.iter().all(mentioned), "{}", context());
    let core = &counterexample.operations;
    assert!(!is_linearizable(&rebuild(core, rules), rules), "{}", context());
    if counterexample.minimal {
        for (at, operation) in core.iter().enumerate() {
            let observer = matches!(operation.f.as_str(), "read" | "get");
            let failed = matches!(operation.outcome, Outcome::Fail(_));
            if observer && operation.id != counterexample.blocked && !failed {
                let mut rest = core.clone();
                rest.remove(at);
                assert!(is_linearizable(&rebuild(&rest, rules), rules), "{}", context());
            }
        }
    }
}

/// The history as it stood right after event `last`, but for what is known to fail later.
fn as_known(whole: &History, events: &[Event], last: usize, rules: &Rules) -> History {
    let fails_later = |event: &Event, at: usize| {
        event.kind == EventKind::Invoke
            && whole.ops().any(|operation| {
                operation.call() == at as u64
                    && operation.is_fail()
                    && operation.ret() > Some(last as u64)
            })
    };
    let kept: Vec<Event> = events
        .iter()
        .enumerate()
        .filter(|(at, event)| *at <= last && !fails_later(event, *at))
        .map(|(_, event)| event.clone())
        .collect();
    history(&kept, rules)
}

/// A history of these operations alone.
fn rebuild(operations: &[Operation], rules: &Rules) -> History {
    let mut events: Vec<(u64, Event)> = Vec::new();
    for operation in operations {
        let event = |kind, value: &Value| Event {
            index: 0,
            time: None,
            process: operation.process,
            kind,
            f: operation.f.clone(),
            key: operation.key.clone(),
            value: value.clone(),
            node: None,
            error: None,
        };
        events.push((operation.call, event(EventKind::Invoke, &operation.input)));
        let completion = match &operation.outcome {
            Outcome::Ok(value) => operation.ret.zip(Some(event(EventKind::Ok, value))),
            Outcome::Fail(value) => operation.ret.zip(Some(event(EventKind::Fail, value))),
            Outcome::Info => None,
        };
        events.extend(completion);
    }
    events.sort_by_key(|(position, _)| *position);
    let events: Vec<Event> = events.into_iter().map(|(_, event)| event).collect();
    history(&events, rules)
}

fn show(events: &[Event]) -> String {
    let lines: Vec<String> =
        events.iter().map(|e| serde_json::to_string(e).expect("JSON")).collect();
    lines.join("\n")
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
