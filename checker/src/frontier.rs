//! The general engine: a sweep over the events of one object that keeps every way in which they can have come about.
//!
//! Beside the tree search of [`crate::search`], with which it shares nothing but the models and the budget: what both
//! say is said twice.
//!
//! # The algorithm
//!
//! Lowe's just-in-time linearization, breadth first. Events come in order. A *configuration* is one way in which
//! everything up to now can have happened: which of the open operations took effect, and the state that this led to.
//! The *frontier* is the set of all configurations, as far as they differ for what is to come.
//!
//! An invocation adds an operation to choose from. A completion asks every configuration whether the operation took
//! effect; those in which it did not go on, taking one open operation after the other in every order, until it did. Nothing
//! else is taken: an operation that is still open can take effect later just as well. If no configuration is left, there
//! is no order, and this completion is the first that nothing explains.
//!
//! ```text
//! p1   |--- write 1 ------------|
//! p2        |-- read -> 2 --|          at the completion of the read: from "0", take write 2, then the read;
//! p3     |------ write 2 ------...     or write 1, write 2, the read. Left are two configurations, both "2"
//! ```
//!
//! All that completed is in every configuration, so a configuration tells only open operations apart: one bit each (its
//! *slot*), and one for each operation of unknown outcome (*crashed*) that some configurations used and others did not.
//! Memory is that of the frontier and of the open operations, however long the history.
//!
//! # What is not tried, and why nothing is lost
//!
//! | rule | why it is sound |
//! |---|---|
//! | crashed observers are dropped | they constrain nothing |
//! | crashed updates that nobody can have seen are dropped | leave one out of any order: what follows up to the next update that hides it has no observer. Not if failures were *observed*: those see what a value is not |
//! | an observer takes effect as soon as it is legal | move it to the front of the rest of any order: no state changes. It must be an observer in every state; a write of the current value is none, as it may be needed later |
//! | of equal operations the one that completes first is taken, a crashed one last | swap the two in any order. So the crashed ones used of a kind are always the first of a list, and comparing sets compares counts |
//! | a crashed operation that changes nothing is not taken, unless it is a write that hides others | leave it out |
//! | a configuration is dropped if another one *covers* it (below) | what completes the one completes the other |
//! | where the whole history is known, registers: states that nothing to come asks for are one state | no operation tells them apart |
//! | lists and sets: an update is not taken if an observer still to come does not contain it | the state only grows, so that one could never take effect |
//! | sets: an update that all observers still to come contain is taken before any other | additions commute |
//!
//! # Writes that nobody need have seen
//!
//! A *blind write* is legal in every state and always leaves the same one. Right before another blind write any number
//! of them can take effect unseen, and so they can wherever the state already is what they write. So the sweep looks for
//! the *visible* updates only. In a configuration, an open blind write that will complete is *pending*; *free*, if since its
//! invocation a blind write took effect visibly, or the state was what it writes: it may have taken effect unseen, but it
//! may still be used visibly; or *used* visibly. At its completion it must be free (and is gone), or it takes effect now.
//! A free one is tried both ways: it is its last chance to be seen.
//!
//! On the way to a completion, a blind write or a crashed update is taken only if an open observer is legal after it that
//! did not take effect yet, or an update that is not blind. Take any order, and from its visible blind writes leave out,
//! as long as there is one, a write that is followed by a blind write with no observer in between that needs it: it is
//! hidden by the next one, which hides whatever it hid. A write of the current value is left out too, unless it hides
//! others, for the same reason. What stays is what is tried. That taking nothing before it is asked for is enough holds as
//! ever: delay each operation to the next completion that asks for it or for one after it.
//!
//! # When one configuration covers another
//!
//! `a` covers `b` if the states are the same, `a` used no crashed operation that `b` did not, and of each open operation:
//! - an observer that took effect in `b` did so in `a`;
//! - a blind write is free in `a`, or is in `a` what it is in `b`, pending or used;
//! - any other update took effect in both or in neither.
//!
//! Whatever then happens from `b` on can happen from `a` on: an observer that is done is left out; a free write is used
//! where `b` uses it, and disappears where `b` needs nothing more of it; crashed operations that `b` uses are there for `a`.
//! After each step `a` still covers `b`. Where `b` has something to do at a completion that `a` has behind it, `a` waits: what
//! `b` takes is still open for `a`.
//!
//! # Many operations of unknown outcome
//!
//! Configurations that used different crashed operations do not cover each other, so with many of them the frontier can
//! grow beyond bounds. Most of it is not needed to find one order, so the first attempt keeps only the configurations
//! that used the fewest. If it gets through, there is an order. If it gets stuck although nothing was left out, there is none.
//! Else a second sweep lets crashed operations take effect as often as one likes, so that their use needs no
//! telling apart (only up to some width where there is no end of states): where even that gets stuck, there is no order,
//! and if both get stuck at one completion it is the first impossible one. What stays undecided is tried again with more configurations, in the end with all.
//!
//! # Sources
//!
//! Lowe: *Testing for linearizability* (CCPE 2017). Wing, Gong: *Testing and verifying concurrent objects* (JPDC 1993).
//! Herlihy, Wing: *Linearizability: a correctness condition for concurrent objects* (TOPLAS 1990).

mod antichain;
mod bits;
mod meter;
pub(crate) mod online;
mod outlook;
mod plan;
mod sabotage;
mod sweep;
#[cfg(test)]
mod tests;
mod trace;
mod window;
mod witness;

use crate::model::{Object, Recurrence, StateId};
use crate::search::{KeyOp, Stop};

use antichain::Order;
use bits::{Bits, Wide};
pub(crate) use meter::Meter;
use outlook::Outlook;
use plan::Plan;
use sabotage::Sabotage;
use sweep::{Effort, Frontier, Halt};
use window::Full;

/// Configurations kept in the first attempt.
const WIDTH_FIRST: usize = 16;

/// By how many operations of unknown outcome they may differ on the way to a completion, in the first attempt.
const SLACK_FIRST: u32 = 1;

/// How many times more there may be of both in the next attempt.
const WIDTH_FACTOR: usize = 4;

/// Configurations kept where operations of unknown outcome are never used up and there may be no end of states.
const WIDTH_LAVISH: usize = 128;

/// What a sweep found.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) outcome: Outcome,
    /// Configurations visited.
    pub(crate) configurations: u64,
    /// How far it came.
    pub(crate) progress: Progress,
}

/// How far a sweep came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    /// Position of the last completion that could be explained; 0 if there is none.
    pub(crate) position: u64,
    /// Completions explained.
    pub(crate) completions: usize,
    /// Completions to be explained.
    pub(crate) completions_all: usize,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// This order (indices into the operations) explains every answer.
    Linearizable(Vec<u32>),
    /// No order does.
    NotLinearizable(Impasse),
    /// The sweep was ended.
    Stopped(Stop),
}

/// Where every order ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Impasse {
    /// The completion that nothing explains.
    pub(crate) completion: u64,
    /// The operation that completes there (index into the operations).
    pub(crate) op: u32,
    /// The states before it, in every order of what completed before.
    pub(crate) states: Vec<StateId>,
    /// Whether it is the first such completion. If not, the search for the first one was ended.
    pub(crate) exact: bool,
    /// Whether what is still to come was taken into account to find it.
    foreseen: bool,
}

/// Decides whether the operations, as far as they are known at `horizon`, can be ordered.
pub(crate) fn decide<O: Object>(
    object: &mut O,
    ops: &[KeyOp],
    horizon: u64,
    meter: &mut Meter<'_, '_>,
) -> Findings {
    let mut findings = decide_by(object, ops, horizon, Order::default(), WIDTH_FIRST, meter);
    if let Outcome::NotLinearizable(impasse) = &findings.outcome {
        let first =
            locate(object, ops, horizon, impasse.clone(), meter, &mut findings.configurations);
        findings.outcome = Outcome::NotLinearizable(first);
    }
    findings
}

/// The first impossible completion, given one beyond which no order leads. Those are the same unless what is still to come
/// was taken into account, or an operation that was still open there means more with its answer than without: then it
/// is looked for among that and the later ones.
fn locate<O: Object>(
    object: &mut O,
    ops: &[KeyOp],
    horizon: u64,
    mut impasse: Impasse,
    meter: &mut Meter<'_, '_>,
    configurations: &mut u64,
) -> Impasse {
    let open = |op: &&KeyOp| op.call < impasse.completion && op.ret > impasse.completion;
    let tells = |op: &KeyOp| {
        op.ret <= horizon
            && op.meaning.completed != op.meaning.open
            && [op.meaning.completed, op.meaning.open]
                .into_iter()
                .flatten()
                .any(|class| !object.is_observer(class))
    };
    if !impasse.exact || !impasse.foreseen && !ops.iter().filter(open).any(tells) {
        return impasse;
    }
    impasse.exact = false;
    let rets = ops.iter().filter(|op| op.meaning.completed.is_some()).map(|op| op.ret);
    let mut completions: Vec<u64> = rets
        .filter(|ret| *ret >= impasse.completion && *ret <= horizon && *ret != u64::MAX)
        .collect();
    completions.sort_unstable();
    // What is impossible stays so: ever further ones, and then those between two.
    let (mut possible, mut impossible) = (0, completions.len().saturating_sub(1));
    let mut stride = 1;
    while possible < impossible {
        let probe = possible + (stride - 1).min((impossible - possible) / 2);
        let order = Order::default();
        let found = decide_by(object, ops, completions[probe], order, WIDTH_FIRST, meter);
        *configurations += found.configurations;
        match found.outcome {
            Outcome::Linearizable(_) => {
                possible = probe + 1;
                stride = stride.saturating_mul(2);
            }
            Outcome::NotLinearizable(found) => {
                impossible = probe;
                stride = usize::MAX;
                impasse.states = found.states;
            }
            Outcome::Stopped(_) => return impasse,
        }
    }
    if let Some(first) = completions.get(impossible) {
        let op = ops.iter().position(|op| op.ret == *first);
        impasse.op = op.map_or(impasse.op, |op| op as u32);
        impasse.completion = *first;
        impasse.exact = true;
    }
    impasse
}

fn decide_by<O: Object>(
    object: &mut O,
    ops: &[KeyOp],
    horizon: u64,
    order: Order,
    width_first: usize,
    meter: &mut Meter<'_, '_>,
) -> Findings {
    let plan = Plan::new(object, ops, horizon, order);
    let progress = Progress { completions_all: plan.completions, ..Progress::default() };
    let mut findings =
        Findings { outcome: Outcome::Stopped(Stop::Told), configurations: 0, progress };
    if let Err(stop) = meter.hold(plan.bytes()) {
        findings.outcome = Outcome::Stopped(stop);
        return findings;
    }
    let mut refuted = None;
    let (mut width_max, mut slack) = (width_first, SLACK_FIRST);
    loop {
        let effort = Effort { width_max, slack, lavish: false };
        let ended = sweep(object, &plan, order, effort, meter, &mut findings);
        match ended {
            End::Through(order) => {
                findings.outcome = Outcome::Linearizable(order);
                return findings;
            }
            End::Stopped(stop) => {
                findings.outcome = refuted.map_or(Outcome::Stopped(stop), Outcome::NotLinearizable);
                return findings;
            }
            End::Stuck { impasse, complete } => {
                // What was left out may lead further, but not beyond where even lavishness ends.
                if refuted.is_none() && !complete {
                    refuted = refute(object, &plan, order, meter, &mut findings);
                }
                let located =
                    refuted.as_ref().is_some_and(|at| at.completion == impasse.completion);
                if complete || located || order.breaks(Sabotage::NarrowIsAll) {
                    findings.outcome = Outcome::NotLinearizable(Impasse { exact: true, ..impasse });
                    return findings;
                }
            }
        }
        width_max = width_max.saturating_mul(WIDTH_FACTOR);
        slack = slack.saturating_mul(WIDTH_FACTOR as u32);
    }
}

/// Where everything ends even if operations of unknown outcome may take effect as often as one likes, if that can be found
/// out with little effort.
fn refute<O: Object>(
    object: &mut O,
    plan: &Plan,
    order: Order,
    meter: &mut Meter<'_, '_>,
    findings: &mut Findings,
) -> Option<Impasse> {
    // Where there is no end of states (a counter that goes up and up), this would not end either.
    let finite = object.recurrence() == Recurrence::ByMakers;
    let width_max = if finite { usize::MAX } else { WIDTH_LAVISH };
    let effort = Effort { lavish: true, width_max, ..Effort::FULL };
    match sweep(object, plan, order, effort, meter, findings) {
        End::Stuck { impasse, complete: true } => Some(Impasse { exact: false, ..impasse }),
        End::Stuck { complete: false, .. } | End::Through(_) | End::Stopped(_) => None,
    }
}

/// How a sweep ended.
enum End {
    /// All is explained, by this order.
    Through(Vec<u32>),
    /// No configuration that was kept leads further.
    Stuck {
        impasse: Impasse,
        complete: bool,
    },
    Stopped(Stop),
}

fn sweep<O: Object>(
    object: &mut O,
    plan: &Plan,
    order: Order,
    effort: Effort,
    meter: &mut Meter<'_, '_>,
    findings: &mut Findings,
) -> End {
    let held = meter.held();
    let narrow = (plan.open_max <= u64::SLOTS_MAX)
        .then(|| sweep_with::<O, u64>(object, plan, order, effort, meter, findings));
    let end = narrow.and_then(Result::ok).unwrap_or_else(|| {
        meter.release(held);
        sweep_with::<O, Wide>(object, plan, order, effort, meter, findings)
            .unwrap_or(End::Stopped(Stop::Memory))
    });
    meter.release(held);
    end
}

fn sweep_with<O: Object, B: Bits>(
    object: &mut O,
    plan: &Plan,
    order: Order,
    effort: Effort,
    meter: &mut Meter<'_, '_>,
    findings: &mut Findings,
) -> Result<End, Full> {
    let mut outlook = Outlook::new(object, &plan.selected, order);
    if let Err(stop) = meter.hold(outlook.bytes() + plan.selected.len() * size_of::<u32>()) {
        return Ok(End::Stopped(stop));
    }
    let mut frontier: Frontier<B> = Frontier::new(outlook.merge(object.initial()), order, effort);
    let mut slots = vec![0; plan.selected.len()];
    let mut progress = Progress { completions_all: plan.completions, ..Progress::default() };
    let mut end = None;
    for moment in &plan.moments {
        if order.breaks(Sabotage::StopEarly) && progress.completions + 1 == plan.completions {
            break;
        }
        let op = &plan.selected[moment.selected as usize];
        let slot = &mut slots[moment.selected as usize];
        let done = if moment.ends {
            frontier.end(object, &mut outlook, meter, *slot)
        } else if op.is_crashed() {
            frontier.begin_crashed(object, moment.selected, op.class);
            Ok(true)
        } else {
            let begun = (moment.selected, op.class, op.ret);
            frontier.begin(object, &outlook, meter, begun).map(|given| {
                *slot = given;
                true
            })
        };
        match done {
            Ok(true) if moment.ends => {
                progress.position = moment.position;
                progress.completions += 1;
            }
            Ok(true) => {}
            Ok(false) => {
                let states = frontier.states(object.initial()).into_iter().collect();
                let complete = frontier.is_complete();
                let (completion, op) = (moment.position, op.op);
                let foreseen = frontier.foresaw();
                let impasse = Impasse { completion, op, states, exact: complete, foreseen };
                end = Some(End::Stuck { impasse, complete });
                break;
            }
            Err(Halt::Stop(stop)) => {
                end = Some(End::Stopped(stop));
                break;
            }
            Err(Halt::Full) => return Err(Full),
        }
    }
    findings.configurations += frontier.configurations();
    if !effort.lavish && progress.completions >= findings.progress.completions {
        findings.progress = progress;
    }
    #[cfg(test)]
    if order.breaks(Sabotage::CrashedMustHappen) && end.is_none() && !frontier.all_used() {
        end = Some(End::Stopped(Stop::Effort));
    }
    let through = |object| End::Through(witness::order(object, plan, &outlook, &frontier.way()));
    Ok(end
        .unwrap_or_else(|| if effort.lavish { End::Through(Vec::new()) } else { through(object) }))
}
