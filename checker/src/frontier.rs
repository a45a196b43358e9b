//! The general engine: a sweep over the events of one object that keeps every way in which they can have come about.

mod antichain;
mod bits;
mod meter;
mod outlook;
mod plan;
mod sabotage;
mod sweep;
#[cfg(test)]
mod tests;
mod trace;
mod window;
mod witness;

use crate::model::{Object, StateId};
use crate::search::{KeyOp, Stop};

use antichain::Order;
use bits::{Bits, Wide};
pub(crate) use meter::Meter;
use outlook::Outlook;
use plan::Plan;
use sabotage::Sabotage;
use sweep::{Frontier, Halt};

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
}

/// Decides whether the operations, as far as they are known at `horizon`, can be ordered.
pub(crate) fn decide<O: Object>(
    object: &mut O,
    ops: &[KeyOp],
    horizon: u64,
    meter: &mut Meter<'_, '_>,
) -> Findings {
    decide_by(object, ops, horizon, Order::default(), meter)
}

fn decide_by<O: Object>(
    object: &mut O,
    ops: &[KeyOp],
    horizon: u64,
    order: Order,
    meter: &mut Meter<'_, '_>,
) -> Findings {
    let plan = Plan::new(object, ops, horizon, order);
    if plan.open_max <= u64::SLOTS_MAX
        && let Some(findings) = sweep::<O, u64>(object, &plan, order, meter)
    {
        return findings;
    }
    sweep::<O, Wide>(object, &plan, order, meter).expect("a wide set has room")
}

/// `None` if the sets are too small.
fn sweep<O: Object, B: Bits>(
    object: &mut O,
    plan: &Plan,
    order: Order,
    meter: &mut Meter<'_, '_>,
) -> Option<Findings> {
    let mut outlook = Outlook::new(object, &plan.selected, order);
    let mut frontier: Frontier<B> = Frontier::new(outlook.merge(object.initial()), order);
    let mut slots = vec![0; plan.selected.len()];
    let mut progress = Progress { completions_all: plan.completions, ..Progress::default() };
    let mut outcome = meter.hold(plan.bytes() + outlook.bytes()).err().map(Outcome::Stopped);
    for moment in &plan.moments {
        if outcome.is_some()
            || order.breaks(Sabotage::StopEarly) && progress.completions + 1 == plan.completions
        {
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
                let (completion, op) = (moment.position, op.op);
                outcome = Some(Outcome::NotLinearizable(Impasse { completion, op, states }));
            }
            Err(Halt::Stop(stop)) => outcome = Some(Outcome::Stopped(stop)),
            Err(Halt::Full) => return None,
        }
    }
    #[cfg(test)]
    if order.breaks(Sabotage::CrashedMustHappen) && outcome.is_none() && !frontier.all_used() {
        outcome = Some(Outcome::Stopped(Stop::Effort));
    }
    let outcome = outcome.unwrap_or_else(|| {
        Outcome::Linearizable(witness::order(object, plan, &outlook, &frontier.way()))
    });
    Some(Findings { outcome, configurations: frontier.configurations(), progress })
}
