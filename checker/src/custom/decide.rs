//! From a log to one verdict: objects apart, each by a search or two, and what is found checked again.

use std::collections::BTreeMap;

use crate::check::Engine;
use crate::frontier::{self, Meter};
use crate::history::OpId;
use crate::search::{self, Budget, Findings, KeyOp, Problem, Stop, Tuning};

use super::adapter::Adapter;
use super::log::Log;
use super::report::{Linearization, Outcome, Reason, Undecided, Violation};
use super::{Model, ModelOptions, core, replay};

/// Configurations that the tree search may visit before the sweep takes over, for each operation, beside
/// [`SHORT_SEARCH_MIN`].
const SHORT_SEARCH_SHARE: u64 = 8;

/// Configurations that it may always visit.
const SHORT_SEARCH_MIN: u64 = 4_096;

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

/// The one call of the tree search: whether `chosen` can be ordered, as far as they are known at `horizon`.
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

/// One object before its judges.
struct Trial<'t, 'a, M: Model> {
    adapter: &'t mut Adapter<'a, M>,
    ops: &'t [KeyOp],
    /// In order, as far as they are looked at.
    completions: &'t [u64],
    horizon: u64,
    limits: &'t Limits<'t>,
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
    let (ops, completions, adapter) = (&ops, &completions, &mut adapter);
    let mut trial = Trial { adapter, ops, completions, horizon, limits };
    let judgement = match limits.options.engine {
        Engine::Fast => Judgement::Undecided { reason: Reason::NoDecider, explained: 0 },
        Engine::Wgl => trial.by_tree(),
        Engine::Frontier => trial.by_sweep(),
        Engine::Auto => trial.by_whom_it_suits(),
        Engine::Compare => trial.by_both(),
    };
    let found = matches!(judgement, Judgement::Ordered(_));
    match trial.adapter.flaw().filter(|_| !found) {
        Some(reason) => {
            Judgement::Undecided { reason, explained: judgement.explained(completions) }
        }
        None => judgement,
    }
}

impl<M: Model> Trial<'_, '_, M> {
    /// The tree search looks where the model's ranks send it, and where they send it well it is there in no time. If it
    /// is not, the sweep decides; the tree search goes to its end where the sweep's memory did not suffice.
    fn by_whom_it_suits(&mut self) -> Judgement {
        let configurations_max = SHORT_SEARCH_MIN + SHORT_SEARCH_SHARE * self.ops.len() as u64;
        let findings = self.search(self.horizon, configurations_max);
        let hopeless = match findings.outcome {
            search::Outcome::Linearizable(order) => return Judgement::Ordered(order),
            search::Outcome::Stopped(stop @ (Stop::Told | Stop::Superseded)) => {
                return self.undecided(stop, findings.reach);
            }
            search::Outcome::NotLinearizable => true,
            search::Outcome::Stopped(Stop::Effort | Stop::Memory) => false,
        };
        match self.by_sweep() {
            Judgement::Ordered(_) if hopeless => Judgement::CONTRADICTION,
            Judgement::Undecided { reason: Reason::Memory, .. } => self.by_tree(),
            judgement => judgement,
        }
    }

    /// What one cannot decide the other may.
    fn by_both(&mut self) -> Judgement {
        match (self.by_sweep(), self.by_tree()) {
            (Judgement::Undecided { .. }, other) | (other, Judgement::Undecided { .. }) => other,
            (one, other) if one.agrees_with(&other) => one,
            _ => Judgement::CONTRADICTION,
        }
    }

    fn by_sweep(&mut self) -> Judgement {
        let stop = || (self.limits.options.should_stop)().then_some(Stop::Told);
        let mut account = self.limits.budget.account();
        let mut meter = Meter::new(&mut account, &stop);
        let findings = frontier::decide(self.adapter, self.ops, self.horizon, &mut meter);
        match findings.outcome {
            frontier::Outcome::Linearizable(order) => Judgement::Ordered(order),
            frontier::Outcome::NotLinearizable(impasse) => {
                Judgement::Impossible { at: impasse.completion, first: impasse.exact }
            }
            frontier::Outcome::Stopped(stop) => {
                self.undecided(stop, Some(findings.progress.position + 1))
            }
        }
    }

    fn by_tree(&mut self) -> Judgement {
        let findings = self.search(self.horizon, u64::MAX);
        match findings.outcome {
            search::Outcome::Linearizable(order) => Judgement::Ordered(order),
            search::Outcome::NotLinearizable => {
                let possible = explained(self.completions, findings.reach);
                let completions = self.completions;
                let (at, first) = locate(completions, possible, |at| self.search(at, u64::MAX));
                Judgement::Impossible { at, first }
            }
            search::Outcome::Stopped(stop) => self.undecided(stop, findings.reach),
        }
    }

    fn search(&mut self, horizon: u64, configurations_max: u64) -> Findings {
        let all = 0..self.ops.len();
        search(self.adapter, self.ops, all, horizon, configurations_max, self.limits)
    }

    /// Ended, with everything before `reach` in order.
    fn undecided(&self, stop: Stop, reach: Option<u64>) -> Judgement {
        let reason = if stop == Stop::Memory { Reason::Memory } else { Reason::Told };
        Judgement::Undecided { reason, explained: explained(self.completions, reach) }
    }
}

impl Judgement {
    const CONTRADICTION: Self = Self::Undecided { reason: Reason::Contradiction, explained: 0 };

    /// Of two that are decided. Where one did not find the first impossible completion, only the verdicts are compared.
    fn agrees_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ordered(_), Self::Ordered(_)) => true,
            (Self::Impossible { at, first }, Self::Impossible { at: then, first: sure }) => {
                at == then || !first || !sure
            }
            _ => false,
        }
    }

    /// How many completions it puts in order.
    fn explained(&self, completions: &[u64]) -> usize {
        match self {
            Self::Ordered(_) => completions.len(),
            Self::Impossible { at, .. } => explained(completions, Some(*at)),
            Self::Undecided { explained, .. } => *explained,
        }
    }
}

/// How many completions are before `reach`.
fn explained(completions: &[u64], reach: Option<u64>) -> usize {
    completions.partition_point(|ret| Some(*ret) < reach)
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
