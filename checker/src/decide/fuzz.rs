//! For tests of deciders: legal histories, made by letting each operation act at a random moment of its span, and what
//! it takes to see that a broken rule is noticed.

use super::brute::{Random, as_known, is_linearizable};
use super::{Decision, NEVER, Timed};
use crate::Value;
use crate::history::{Event, EventKind, History, ProcessId};
use crate::model::Object;
use crate::search::{Budget, KeyOp, Outcome, Problem, Tuning, search};

/// The operations that act, in the order in which they do. Of those of unknown outcome about half never act.
pub(crate) fn acting<T>(random: &mut Random, spans: &[Timed<T>]) -> Vec<usize> {
    let last = spans.iter().map(|span| if span.ret == NEVER { span.call } else { span.ret }).max();
    let end = last.unwrap_or(0) + 1;
    let mut moments = Vec::new();
    for (at, span) in spans.iter().enumerate() {
        if span.ret == NEVER && random.chance(50) {
            continue;
        }
        let ret = if span.ret == NEVER { end } else { span.ret };
        // Halves of events, so that two moments between the same events can come in either order.
        let moment =
            u64::from(span.call) * 1_000 + random.below(u64::from(ret - span.call) * 1_000);
        moments.push((moment, at));
    }
    moments.sort_unstable();
    moments.into_iter().map(|(_, at)| at).collect()
}

/// What a fuzz run met: how many histories were linearizable, not, and not for the decider.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) valid: u64,
    pub(crate) invalid: u64,
    pub(crate) inapplicable: u64,
}

impl Tally {
    pub(crate) fn count(&mut self, answer: Option<bool>) {
        match answer {
            Some(true) => self.valid += 1,
            Some(false) => self.invalid += 1,
            None => self.inapplicable += 1,
        }
    }

    /// Asserts that at least so many percent of all were valid, so many invalid, and at most so many inapplicable.
    pub(crate) fn assert_shares(&self, valid: u64, invalid: u64, inapplicable: u64) {
        let all = self.valid + self.invalid + self.inapplicable;
        assert!(self.valid * 100 >= valid * all, "{self:?}");
        assert!(self.invalid * 100 >= invalid * all, "{self:?}");
        assert!(self.inapplicable * 100 <= inapplicable * all, "{self:?}");
    }
}

/// What [`super::brute::compare`] asserts, as a question: a decider with a broken rule must get it wrong some time.
pub(crate) fn is_right<T: Copy, S: Clone>(
    ops: &[Timed<T>],
    decision: &Decision,
    init: &S,
    step: &impl Fn(&mut S, &Timed<T>) -> bool,
) -> bool {
    match decision {
        Decision::Inapplicable(_) => true,
        Decision::Linearizable(order) => is_order(ops, order, init, step),
        Decision::NotLinearizable(refutation) => {
            let at = refutation.completion;
            let certain = |last| !is_linearizable(&as_known(ops, last), init, step);
            at > 0 && certain(at) && !certain(at - 1)
        }
    }
}

fn is_order<T, S: Clone>(
    ops: &[Timed<T>],
    order: &[u32],
    init: &S,
    step: &impl Fn(&mut S, &Timed<T>) -> bool,
) -> bool {
    let mut left: Vec<bool> = ops.iter().map(|op| !op.is_crashed()).collect();
    let mut state = init.clone();
    let mut latest_call = 0;
    for index in order {
        let op = &ops[*index as usize];
        if op.ret < latest_call || !step(&mut state, op) {
            return false;
        }
        latest_call = latest_call.max(op.call);
        left[*index as usize] = false;
    }
    !left.contains(&true)
}

/// The first of so many histories that `make` makes which `check` refuses.
pub(crate) fn first_wrong<T>(
    rounds: u64,
    mut make: impl FnMut() -> T,
    check: impl Fn(&T) -> bool,
) -> Option<u64> {
    (0..rounds).find(|_| !check(&make()))
}

/// An operation as a history has it.
pub(crate) struct Told {
    pub(crate) process: u64,
    pub(crate) f: &'static str,
    pub(crate) input: Value,
    pub(crate) answer: Value,
}

/// What the general search says of the operations, with the model that they belong to.
pub(crate) fn is_found_by_search<T, O: Object>(
    mut object: O,
    ops: &[Timed<T>],
    tell: impl Fn(usize, &T) -> Told,
) -> bool {
    let mut events: Vec<(u32, Event)> = Vec::new();
    for (at, op) in ops.iter().enumerate() {
        let Told { process, f, input, answer } = tell(at, &op.op);
        let event = |kind, value: &Value| Event {
            index: 0,
            time: None,
            process: ProcessId(process),
            kind,
            f: f.to_owned(),
            key: None,
            value: value.clone(),
            node: None,
            error: None,
        };
        events.push((op.call, event(EventKind::Invoke, &input)));
        if !op.is_crashed() {
            events.push((op.ret, event(EventKind::Ok, &answer)));
        }
    }
    events.sort_by_key(|(position, _)| *position);
    let events: Vec<Event> = events.into_iter().map(|(_, event)| event).collect();
    let history = History::from_events(&events).expect("a history");
    let mut key_ops: Vec<KeyOp> = Vec::new();
    for op in history.ops() {
        let meaning = object.interpret(op).expect("a fit");
        let ret = op.ret().unwrap_or(u64::MAX);
        key_ops.push(KeyOp { id: op.id(), call: op.call(), ret, meaning });
    }
    let problem = Problem::build(&mut object, &key_ops, 0..key_ops.len(), u64::MAX, false);
    let budget = Budget::new(256 << 20);
    let account = &mut budget.account();
    let found = search(&mut object, &problem, &Tuning::full(), account, &|| None);
    match found.outcome {
        Outcome::Linearizable(_) => true,
        Outcome::NotLinearizable => false,
        Outcome::Stopped(stop) => panic!("stopped: {stop:?}"),
    }
}

/// Asserts that the decision, if there is one, is what the search found, and counts it.
pub(crate) fn compare_with_search(decision: &Decision, found: bool, tally: &mut Tally) {
    let answer = match decision {
        Decision::Linearizable(_) => Some(true),
        Decision::NotLinearizable(_) => Some(false),
        Decision::Inapplicable(_) => None,
    };
    assert!(answer.is_none_or(|answer| answer == found), "the search says {found}: {decision:?}");
    tally.count(answer);
}
