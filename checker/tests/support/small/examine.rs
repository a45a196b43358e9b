//! A counterexample must hold up by itself.

use rashomon_checker::check::CheckReport;
use rashomon_checker::counterexample::Step;
use rashomon_checker::history::{Event, EventKind, History, OpId, Operation, Outcome};

use super::oracle::{Rules, is_linearizable};

/// What is wrong with the counterexample of a report, if something is. That its blocked operation is the first impossible
/// one is not looked at.
pub(crate) fn flaw(report: &CheckReport, rules: &Rules) -> Option<&'static str> {
    let Some(counterexample) = &report.counterexample else { return Some("no counterexample") };
    let core = &counterexample.operations;
    let ids: Vec<OpId> = core.iter().map(|operation| operation.id).collect();
    let has = |id: OpId| ids.contains(&id);
    if !has(counterexample.blocked) {
        return Some("the counterexample lacks the blocked operation");
    }
    if counterexample.contradicts.is_some_and(|id| !has(id)) {
        return Some("the counterexample lacks what the blocked operation contradicts");
    }
    if counterexample.linearization.iter().any(|step: &Step| !has(step.op)) {
        return Some("the counterexample lacks a step of its order");
    }
    if is_linearizable(&rebuild(core, rules), rules) {
        return Some("the counterexample is linearizable");
    }
    let needless = |at: &usize| {
        let operation = &core[*at];
        let observer = matches!(operation.f.as_str(), "read" | "get");
        let failed = matches!(operation.outcome, Outcome::Fail(_));
        let mut rest = core.clone();
        rest.remove(*at);
        observer
            && !failed
            && operation.id != counterexample.blocked
            && !is_linearizable(&rebuild(&rest, rules), rules)
    };
    let minimal = !counterexample.minimal || !(0..core.len()).any(|at| needless(&at));
    (!minimal).then_some("a minimal counterexample can do without a read")
}

/// A history of these operations alone.
fn rebuild(operations: &[Operation], rules: &Rules) -> History {
    let mut events: Vec<(u64, Event)> = Vec::new();
    for operation in operations {
        let event = |kind, value: &rashomon_checker::Value| Event {
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
    let history = History::from_events(&events).expect("a history");
    if rules.nil_reads_unknown { history.with_nil_reads_unknown() } else { history }
}
