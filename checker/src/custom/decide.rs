//! From a log to one verdict: objects apart, each by the search, and what is found checked again.

use std::collections::BTreeMap;

use crate::history::OpId;
use crate::search::{self, Budget, Findings, KeyOp, Problem, Stop, Tuning};

use super::adapter::Adapter;
use super::log::Log;
use super::report::{Linearization, Outcome, Reason, Undecided, Violation};
use super::{Model, ModelOptions, core, replay};

/// What all searches of one check share.
pub(super) struct Limits<'a> {
    pub(super) budget: Budget,
    pub(super) options: &'a ModelOptions<'a>,
}

/// The operations of one object.
pub(super) struct Part {
    pub(super) name: String,
    /// In order of invocation.
    pub(super) ids: Vec<OpId>,
}

/// What a search says about one object.
enum Judgement {
    /// In this order (indices into the part's operations).
    Ordered(Vec<u32>),
    /// Impossible from this completion on; whether it is the first such.
    Impossible {
        at: u64,
        first: bool,
    },
    Undecided {
        reason: Reason,
        explained: usize,
    },
}

/// See [`super::check_model`].
pub(super) fn check<M: Model>(
    model: &M,
    log: &Log<M::Input, M::Output>,
    options: &ModelOptions<'_>,
) -> Outcome<M::State> {
    let limits = Limits { budget: Budget::new(options.memory_bytes_max), options };
    let mut orders = Vec::new();
    let mut undecided = None;
    let mut violation: Option<(u64, bool, Part)> = None;
    for part in parts(model, log) {
        // Behind a violation that is known nothing is of interest.
        let horizon = violation.as_ref().map_or(u64::MAX, |(at, ..)| *at - 1);
        match judge(model, log, &part, horizon, &limits) {
            Judgement::Ordered(order) => {
                orders.push(order.iter().map(|index| part.ids[*index as usize]).collect());
            }
            Judgement::Impossible { at, first } => violation = Some((at, first, part)),
            Judgement::Undecided { reason, explained } => {
                let completions = part.ids.iter().filter(|op| log.output(**op).is_some()).count();
                let object = part.name;
                undecided.get_or_insert(Undecided { object, reason, explained, completions });
            }
        }
    }
    if let Some((at, first, part)) = violation {
        return violated(model, log, &part, (at, first), &limits);
    }
    if let Some(undecided) = undecided {
        return Outcome::Unknown(undecided);
    }
    let order = merge(log, orders);
    match replay::replay(model, log, &order) {
        Ok(()) => Outcome::Valid(Linearization { order }),
        Err(_) => Outcome::Unknown(not_decided(String::new(), Reason::Unrepeatable)),
    }
}

fn not_decided(object: String, reason: Reason) -> Undecided {
    Undecided { object, reason, explained: 0, completions: 0 }
}

/// The operations of each object.
fn parts<M: Model>(model: &M, log: &Log<M::Input, M::Output>) -> Vec<Part> {
    let mut parts: BTreeMap<String, Vec<OpId>> = BTreeMap::new();
    for (number, entry) in log.entries.iter().enumerate() {
        parts.entry(model.object(&entry.input)).or_default().push(OpId(number));
    }
    parts.into_iter().map(|(name, ids)| Part { name, ids }).collect()
}

/// The operations of a part for the search.
pub(super) fn interpret<'a, M: Model>(
    adapter: &mut Adapter<'a, M>,
    log: &'a Log<M::Input, M::Output>,
    part: &Part,
) -> Vec<KeyOp> {
    let ops = part.ids.iter().map(|id| {
        let entry = &log.entries[id.0];
        let meaning = adapter.interpret_entry(entry);
        KeyOp { id: *id, call: entry.call, ret: entry.ret(), meaning }
    });
    ops.collect()
}

/// The one call of an engine: whether `chosen` can be ordered, as far as they are known at `horizon`.
pub(super) fn search<M: Model>(
    adapter: &mut Adapter<'_, M>,
    ops: &[KeyOp],
    chosen: impl Iterator<Item = usize>,
    horizon: u64,
    configurations_max: u64,
    limits: &Limits<'_>,
) -> Findings {
    let problem = Problem::build(adapter, ops, chosen, horizon, false);
    let tuning = Tuning { configurations_max, ..Tuning::full() };
    let stop = || (limits.options.should_stop)().then_some(Stop::Told);
    search::search(adapter, &problem, &tuning, &mut limits.budget.account(), &stop)
}

fn judge<M: Model>(
    model: &M,
    log: &Log<M::Input, M::Output>,
    part: &Part,
    horizon: u64,
    limits: &Limits<'_>,
) -> Judgement {
    let mut adapter = Adapter::new(model, true);
    let ops = interpret(&mut adapter, log, part);
    let mut completions: Vec<u64> =
        ops.iter().map(|op| op.ret).filter(|ret| *ret != u64::MAX && *ret <= horizon).collect();
    completions.sort_unstable();
    let mut up_to =
        |horizon: u64| search(&mut adapter, &ops, 0..ops.len(), horizon, u64::MAX, limits);
    let explained = |reach: Option<u64>| completions.partition_point(|ret| Some(*ret) < reach);
    let findings = up_to(horizon);
    let judgement = match findings.outcome {
        search::Outcome::Linearizable(order) => return Judgement::Ordered(order),
        search::Outcome::NotLinearizable => {
            let (at, first) = locate(&completions, explained(findings.reach), up_to);
            Judgement::Impossible { at, first }
        }
        search::Outcome::Stopped(stop) => {
            let reason = if stop == Stop::Memory { Reason::Memory } else { Reason::Told };
            Judgement::Undecided { reason, explained: explained(findings.reach) }
        }
    };
    match adapter.flaw() {
        Some(reason) => Judgement::Undecided { reason, explained: explained(findings.reach) },
        None => judgement,
    }
}

/// The first impossible completion, and whether it was found: the first `possible` of them can be explained, all of them
/// cannot. What is impossible stays so, so ever further ones are tried, and then those between two.
fn locate(
    completions: &[u64],
    mut possible: usize,
    mut up_to: impl FnMut(u64) -> Findings,
) -> (u64, bool) {
    let mut impossible = completions.len().saturating_sub(1);
    let mut stride = 1_usize;
    while possible < impossible {
        let probe = possible + (stride - 1).min((impossible - possible) / 2);
        match up_to(completions[probe]).outcome {
            search::Outcome::Linearizable(_) => {
                possible = probe + 1;
                stride = stride.saturating_mul(2);
            }
            search::Outcome::NotLinearizable => {
                impossible = probe;
                stride = usize::MAX;
            }
            search::Outcome::Stopped(_) => return (completions[impossible], false),
        }
    }
    (completions.get(impossible).copied().unwrap_or(0), true)
}

fn violated<M: Model>(
    model: &M,
    log: &Log<M::Input, M::Output>,
    part: &Part,
    (at, first): (u64, bool),
    limits: &Limits<'_>,
) -> Outcome<M::State> {
    let Some(blocked) = part.ids.iter().position(|op| log.entries[op.0].ret() == at) else {
        return Outcome::Unknown(not_decided(part.name.clone(), Reason::Unrepeatable));
    };
    let Some(core) = core::find(model, log, part, (at, blocked), limits) else {
        return Outcome::Unknown(not_decided(part.name.clone(), Reason::BrokenHint));
    };
    Outcome::Invalid(Box::new(Violation {
        object: part.name.clone(),
        blocked: part.ids[blocked],
        first,
        core: core.ops.iter().map(|index| part.ids[*index]).collect(),
        minimal: core.minimal && first,
        order: core.order,
        others_act: core.others_act,
    }))
}

/// One order of all objects from one of each. Give each operation the moment of the latest invocation up to it in its
/// object's order: that is after its own invocation and before its completion. In the order of these moments nothing
/// stands before what had completed when it began, and each object's own order is kept.
fn merge<I, O>(log: &Log<I, O>, orders: Vec<Vec<OpId>>) -> Vec<OpId> {
    let mut moments: Vec<(u64, OpId)> = Vec::new();
    for order in orders {
        let mut latest = 0;
        for op in order {
            latest = latest.max(log.entries[op.0].call);
            moments.push((latest, op));
        }
    }
    // Equal moments are of one object, whose order a stable sort keeps.
    moments.sort_by_key(|(moment, _)| *moment);
    moments.into_iter().map(|(_, op)| op).collect()
}
