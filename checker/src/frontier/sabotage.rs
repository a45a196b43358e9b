//! Known-wrong variants of the rules. Each must be caught by the random histories that the real rules pass.

#[cfg(test)]
use crate::frontier::antichain::{Config, Roles};
#[cfg(test)]
use crate::frontier::bits::Bits;

/// A rule to break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(test), expect(dead_code, reason = "only tests break rules"))]
pub(super) enum Sabotage {
    /// A write takes effect as soon as it begins.
    EagerWrites,
    /// A write of the current value takes effect at once, as if it could not be needed later.
    EagerIdleWrites,
    /// A write that may have taken effect unseen is not tried at its completion.
    RetireOnly,
    /// A compare-and-set hides the writes before it, too.
    EveryUpdateHides,
    /// A write may have taken effect unseen from its beginning.
    FreeFromTheStart,
    /// A write of the current value is never tried, although others may hide before it.
    IdleWritesHideNothing,
    /// Only writes that some open read answers are tried, although a compare-and-set may need them.
    WritesMustBeRead,
    /// Of equal operations the one that completes last is tried.
    LatestOfEquals,
    /// A write that took effect is as good as one that still may.
    UsedCoversFree,
    /// A write that did not take effect is as good as one that did.
    PendingCoversUsed,
    /// A compare-and-set that took effect is better than one that did not.
    DoneCoversPending,
    /// Operations of unknown outcome are not told apart.
    MergeUsed,
    /// Using more operations of unknown outcome is better.
    MoreUsedIsBetter,
    /// States are not told apart.
    MergeStates,
    /// A hash decides what is equal.
    MergeByHash,
    /// Crashed updates that nobody reads are dropped although failures are observed.
    IgnoreObservedFailures,
    /// Completed writes that nobody reads are dropped, although they need a place in the order.
    DropUnobservedCompleted,
    /// States are merged although an open operation tells them apart.
    MergeTooEarly,
    /// The sweep is content before the last completion.
    StopEarly,
    /// An operation of unknown outcome must take effect.
    CrashedMustHappen,
    /// That no configuration that was kept leads further is taken for a proof, although others were left out.
    NarrowIsAll,
}

/// How the broken rules compare configurations; `None` where they compare them rightly.
#[cfg(test)]
pub(super) fn covers<B: Bits>(
    sabotage: Option<Sabotage>,
    a: &Config<B>,
    b: &Config<B>,
    roles: &Roles<B>,
) -> Option<bool> {
    let (mut a, mut b) = (a.clone(), b.clone());
    if a.is_gone() || b.is_gone() {
        return Some(false);
    }
    match sabotage? {
        Sabotage::UsedCoversFree => {
            let mut used = a.done.clone();
            used.keep(&roles.blinds);
            a.free.join(&used);
        }
        Sabotage::PendingCoversUsed => {
            let mut used = b.done.clone();
            used.keep(&roles.blinds);
            used.each(|slot| b.done.clear(slot));
            let mut used = a.done.clone();
            used.keep(&roles.blinds);
            used.each(|slot| a.done.clear(slot));
        }
        Sabotage::DoneCoversPending => {
            let mut done = a.done.clone();
            done.keep(&roles.updates);
            b.done.join(&done);
        }
        Sabotage::MergeUsed => a.used = b.used.clone(),
        Sabotage::MoreUsedIsBetter => std::mem::swap(&mut a.used, &mut b.used),
        Sabotage::MergeStates => a.state = b.state,
        Sabotage::MergeByHash => {
            let sum = |c: &Config<B>| {
                (c.state.0 + c.done.count() + 2 * c.free.count() + 3 * c.used.count()) % 4
            };
            return Some(sum(&a) == sum(&b));
        }
        _ => return None,
    }
    let order = super::antichain::Order::default();
    Some(order.covers(&a, &b, roles))
}
