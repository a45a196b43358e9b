//! A lock with an owner: whoever acquired it, and nobody else, releases it. Exact, for every history of processes that do
//! one thing at a time.
//!
//! # The idea
//!
//! A process alternates between `acquire` and `release`, so its operations form *holds*. Wherever the two take effect,
//! the lock is held from the completion of the acquire to the invocation of the release: the hold's *zone*. There is an
//! order exactly if no two zones overlap and no process acquires what it holds or releases what it does not hold.
//!
//! ```text
//! p1  |-acquire-|=========|-release-|
//! p2      |---acquire--------------------|====  fits: it can take effect after the release
//! p3  |--acquire--|====  does not: p1 holds it
//! ```
//!
//! # Why that is right
//!
//! Two holds cannot overlap, so their zones cannot either. If they do not, let each acquire take effect at its completion
//! and each release at its invocation: the holds then follow one another as their zones do.
//!
//! An acquire of unknown outcome is left out: its process does nothing more, so that nobody could need it. A release of
//! unknown outcome ends the zone at its invocation like any other, as it may have acted there; a hold that nothing ends
//! lasts for ever. So the first completion at which it is certain that there is no order is that of an acquire while
//! some hold's release has not been invoked, or of a release by a process that holds nothing.
//!
//! The same sweep decides a lock with **fencing tokens** (see [`super::fenced_mutex`]): as zones do not overlap, their
//! order is the only one of the holds.

use super::sweep::by_completion;
use super::{Decision, Refutation, Rule, Timed};

/// One operation on the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Op {
    /// Who; numbered from 0 without gaps.
    pub(crate) process: u32,
    pub(crate) function: Function,
}

/// What it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    /// Needs it free.
    Acquire,
    /// Needs it held by the same process.
    Release,
}

/// Rules that tests put out of force, to see that it is noticed.
pub(super) mod fault {
    pub(in crate::decide) const NONE: u8 = 0;
    /// A zone ends at the completion of the release.
    pub(super) const LATE_RELEASE: u8 = 1;
    /// A release of unknown outcome never acts.
    pub(super) const NO_CRASHED: u8 = 2;
    /// Who releases is not looked at.
    pub(super) const ANY_OWNER: u8 = 3;
    /// A zone begins at the invocation of the acquire.
    pub(super) const EARLY_ACQUIRE: u8 = 4;
}

/// Decides. See the module's doc.
pub(crate) fn decide(ops: &[Timed<Op>]) -> Decision {
    decide_with::<{ fault::NONE }>(ops)
}

fn decide_with<const FAULT: u8>(ops: &[Timed<Op>]) -> Decision {
    let no_tokens = |_: u32, _: u32| true;
    decide_holds::<FAULT>(ops, no_tokens)
}

/// Decides, where a hold may come right after another only if `follows` says so of their acquires.
pub(super) fn decide_holds<const FAULT: u8>(
    ops: &[Timed<Op>],
    follows: impl Fn(u32, u32) -> bool,
) -> Decision {
    if !is_sequential(ops) {
        return Decision::Inapplicable("a process does two things at once");
    }
    Holds::<FAULT>::new(ops).run(follows)
}

/// Whether each process completes what it does before it does something else.
fn is_sequential(ops: &[Timed<Op>]) -> bool {
    let mut free_from = vec![0; processes(ops)];
    ops.iter().all(|op| {
        let free_from = &mut free_from[op.op.process as usize];
        op.call >= std::mem::replace(free_from, op.ret)
    })
}

fn processes(ops: &[Timed<Op>]) -> usize {
    ops.iter().map(|op| op.op.process as usize + 1).max().unwrap_or(0)
}

/// The sweep through the events.
struct Holds<'a, const FAULT: u8> {
    ops: &'a [Timed<Op>],
    /// The acquire that holds the lock for certain.
    holder: Option<u32>,
    /// The acquire before that, and the release that ended it.
    previous: Option<[u32; 2]>,
    /// By process: the last release that was invoked, and whether it ends a hold.
    releases: Vec<Option<(u32, bool)>>,
    order: Vec<u32>,
}

impl<'a, const FAULT: u8> Holds<'a, FAULT> {
    fn new(ops: &'a [Timed<Op>]) -> Self {
        let releases = vec![None; processes(ops)];
        Self { ops, holder: None, previous: None, releases, order: Vec::with_capacity(ops.len()) }
    }

    /// Goes through the events.
    fn run(mut self, follows: impl Fn(u32, u32) -> bool) -> Decision {
        let mut begun = 0;
        for ended in by_completion(self.ops) {
            let now = self.ops[ended as usize].ret;
            while self.ops.get(begun as usize).is_some_and(|op| op.call < now) {
                self.invoke(begun);
                begun += 1;
            }
            if let Err((rule, with)) = self.complete(ended, &follows) {
                let ops = with.into_iter().chain([ended]).collect();
                return Decision::NotLinearizable(Refutation { completion: now, ops, rule });
            }
        }
        Decision::Linearizable(self.order)
    }

    fn invoke(&mut self, op: u32) {
        let Timed { op: Op { process, function }, .. } = self.ops[op as usize];
        let crashed = self.ops[op as usize].is_crashed();
        if function == Function::Acquire {
            if FAULT == fault::EARLY_ACQUIRE && self.holder.is_none() {
                self.holder = Some(op);
            }
            return;
        }
        if FAULT == fault::LATE_RELEASE || (FAULT == fault::NO_CRASHED && crashed) {
            return;
        }
        let owner = self.holder.map(|holder| self.ops[holder as usize].op.process);
        let ends = owner == Some(process) || (FAULT == fault::ANY_OWNER && owner.is_some());
        self.releases[process as usize] = Some((op, ends));
        if ends {
            self.previous = self.holder.take().map(|acquire| [acquire, op]);
            self.order.push(op);
        }
    }

    /// What contradicts the completed operation, if something does.
    fn complete(
        &mut self,
        op: u32,
        follows: &impl Fn(u32, u32) -> bool,
    ) -> Result<(), (Rule, Vec<u32>)> {
        let Op { process, function } = self.ops[op as usize].op;
        if function == Function::Release {
            if FAULT == fault::LATE_RELEASE {
                self.previous = self.holder.take().map(|acquire| [acquire, op]);
                self.order.push(op);
                return Ok(());
            }
            let released = self.releases[process as usize];
            let ends = released.is_some_and(|(release, ends)| release == op && ends);
            return if ends { Ok(()) } else { Err((Rule::FromNowhere, Vec::new())) };
        }
        if let Some(holder) = self.holder.filter(|holder| *holder != op) {
            return Err((Rule::Zones, vec![holder]));
        }
        if let Some(previous) = self.previous.filter(|[acquire, _]| !follows(*acquire, op)) {
            return Err((Rule::Rank, previous.to_vec()));
        }
        self.holder = Some(op);
        self.order.push(op);
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests;
