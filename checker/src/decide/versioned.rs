//! One key of a store with revisions, as etcd answers it. Exact, where every completed change tells its revision and
//! operations of unknown outcome did not do too many things that nobody saw.
//!
//! # What a client learns
//!
//! The store counts its changes, of all keys together: each has a revision, one more than the change before. A change
//! (`put`, compare-and-set, `delete`) answers its own. A `get` answers the value with the revision that wrote it, and
//! perhaps the revision at which the store stood. An absent key has no revision of its own.
//!
//! # The idea
//!
//! Revisions name places in the order, so that the history brings its order with it. What is left to check:
//!
//! ```text
//! revision   4         7              9
//!            put 1     cas 1 -> 2     delete
//!              [get 1@4]   [get 2@7, store at 8]    [get nil]     what falls into which period
//! ```
//!
//! 1. No two changes have one revision, each found what it had to find, and each get says what the change of its revision
//!    left. A get that says where the store stood comes before every change of a greater revision and after all others.
//! 2. A revision that was seen but that no completed change has is that of a change of unknown outcome which wrote that
//!    value. If several puts of one value are open to choice, the one invoked first is given the lowest revision.
//! 3. Nothing comes after what began only when it had completed: in the order of revisions, no operation completes before
//!    one of a lower place is invoked.
//! 4. A get that does not say where the store stood may be anywhere in its period, one that found nothing in any period
//!    in which the key was absent. In order of invocation, each is put into the earliest place that is after all gets
//!    of this kind that had completed, and such that everything after it completes later than it begins; then it must
//!    not have completed before something in front of it began.
//!
//! # Why that is right
//!
//! Revisions grow in the order in which changes act, so an order of the store's history is an order by revision: 1 and 3
//! are necessary. In 2, what is fixed about a change of unknown outcome is only that it was invoked before everything
//! after it completed, and that bound grows with the revision; so if any choice is possible, then first to first is.
//! In 4, every condition on a get's place from below is met by the place chosen, and chosen places are the earliest
//! that are possible (by induction over the order of invocation); the condition from above is easiest there. What
//! passes all four is in an order in which no two operations are the wrong way round, and every answer is right.
//! Changes of unknown outcome that nobody saw are left out. Where one of them could mend what is wrong, a delete before
//! an unexplained absence, a write before a compare-and-set that found another value, and where it is open which of
//! several wrote what was seen, it is looked for what they did (`pinned::mend`). Mostly that is a matching, which is
//! polynomial; it need not be where several in a row must have acted without being seen. Of that only so much is tried, and
//! if that was not all, there is no decision.
//!
//! Gibbons and Korach (*Testing shared memories*, SIAM J. Comput. 1997) show that registers with a known order of writes
//! are decided in linear time; revisions are that order.
//!
//! # When it becomes certain
//!
//! A contradiction is looked at by itself, with what it saw (`seen`): from which completion on that is impossible is found
//! out soon. That the history is possible right before then is looked up with all of it; if it is not, there is a
//! contradiction that was known earlier, and that one is looked at next.

mod pinned;
mod seen;

use super::first::{completions, first_impossible};
use super::{Decision, NEVER, Refutation, Rule, Timed};
use pinned::{Found, examine};
use seen::Seen;

/// The value of an absent key.
pub(crate) const ABSENT: u32 = 0;

/// One operation on the key. Values are numbered; [`ABSENT`] is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// Answered what is there.
    Get {
        value: u32,
        /// The revision that wrote it; 0 where absent.
        modified: i64,
        /// Where the store stood, if that was told.
        store: Option<i64>,
    },
    /// Changes the key if its condition holds. The revision is not looked at where the outcome is unknown.
    Put {
        when: When,
        /// What it leaves; not [`ABSENT`].
        value: u32,
        revision: Option<i64>,
    },
    /// Takes the key away.
    Delete {
        /// Its revision; 0 if there was nothing to delete.
        revision: Option<i64>,
        /// Where the store stood, if there was nothing to delete and that was told.
        store: Option<i64>,
    },
}

/// On what a change depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum When {
    Always,
    /// The value is this.
    Value(u32),
    /// The value was written by this revision; 0: absent.
    Modified(i64),
}

/// Rules that tests put out of force, to see that it is noticed.
mod fault {
    pub(super) const NONE: u8 = 0;
    /// What a compare-and-set found is not looked at.
    pub(super) const NO_CONDITIONS: u8 = 1;
    /// What began after something had completed may come before it.
    pub(super) const NO_TIME: u8 = 2;
    /// Where the store stood is not looked at.
    pub(super) const NO_STORE: u8 = 3;
    /// Of several puts of unknown outcome the last is given the lowest revision.
    pub(super) const LAST_FIRST: u8 = 4;
    /// A get that may be anywhere is put at the beginning of its period.
    pub(super) const EARLY_GETS: u8 = 5;
    /// Such gets do not heed each other.
    pub(super) const SINGLE_GETS: u8 = 6;
    /// Nothing is left open for what nobody saw.
    pub(super) const NO_DOUBT: u8 = 7;
    /// What contradicts each other first is certain no earlier.
    pub(super) const CLASH_IS_FIRST: u8 = 8;
    /// What nobody saw does not heed gets behind it that found nothing.
    pub(super) const FREE_CHANGES: u8 = 9;
    /// What nobody saw needs no revisions.
    pub(super) const NO_ROOM: u8 = 10;
    /// What a slot accepts is given to the first that wants it.
    pub(super) const NO_CHAINS: u8 = 11;
    /// Only the simplest way of each gap is tried.
    pub(super) const SIMPLE_WAYS: u8 = 12;
}

/// Decides. See the module's doc.
pub(crate) fn decide(ops: &[Timed<Op>]) -> Decision {
    decide_with::<{ fault::NONE }>(ops)
}

fn decide_with<const FAULT: u8>(ops: &[Timed<Op>]) -> Decision {
    match examine::<FAULT>(ops, NEVER - 1) {
        Found::Order(order) => Decision::Linearizable(order),
        Found::Unclear(reason) => Decision::Inapplicable(reason),
        Found::Clash(clash) => match first_certain::<FAULT>(ops, clash) {
            Ok(refutation) => Decision::NotLinearizable(refutation),
            Err(reason) => Decision::Inapplicable(reason),
        },
    }
}

/// Operations that contradict each other.
#[derive(Debug, Clone)]
struct Clash {
    rule: Rule,
    ops: Vec<u32>,
}

impl Clash {
    /// When all that completed of them have.
    fn completion(&self, ops: &[Timed<Op>]) -> u32 {
        let rets = self.ops.iter().map(|op| ops[*op as usize].ret);
        rets.filter(|ret| *ret != NEVER).max().unwrap_or(NEVER)
    }
}

/// Contradictions that are followed up before the history is halved each time.
const CLASHES_MAX: u32 = 2;

/// Finds the first completion at which it is certain that there is no order, from a contradiction.
fn first_certain<const FAULT: u8>(
    ops: &[Timed<Op>],
    mut clash: Clash,
) -> Result<Refutation, &'static str> {
    let completions = completions(ops);
    let seen = Seen::new(ops);
    if FAULT == fault::CLASH_IS_FIRST {
        let completion = clash.completion(ops);
        return Ok(Refutation { completion, ops: clash.ops, rule: clash.rule });
    }
    // Possible up to right before the completion of index `low`, impossible up to the one before `end`.
    let (mut low, mut end) = (0, completions.len());
    let mut clashes = 0;
    loop {
        let (first, certain) = first_of::<FAULT>(&seen, &clash, &completions[..end])?;
        let earlier = match first.checked_sub(1).filter(|_| first > low) {
            Some(before) => examine::<FAULT>(ops, completions[before]),
            None => Found::Order(Vec::new()),
        };
        match earlier {
            Found::Order(_) => {
                return Ok(refutation::<FAULT>(&seen, completions[first], certain));
            }
            Found::Unclear(reason) => return Err(reason),
            Found::Clash(earlier) => (clash, end) = (earlier, first),
        }
        clashes += 1;
        if clashes > CLASHES_MAX {
            let middle = usize::midpoint(low, end - 1);
            match examine::<FAULT>(ops, completions[middle]) {
                Found::Order(_) => low = middle + 1,
                Found::Clash(earlier) => (clash, end) = (earlier, middle + 1),
                Found::Unclear(_) => {}
            }
        }
    }
}

/// The first of these completions at which what contradicts itself does so, with only what it saw or else with all, and
/// the contradiction then.
fn first_of<const FAULT: u8>(
    seen: &Seen<'_>,
    clash: &Clash,
    completions: &[u32],
) -> Result<(usize, Clash), &'static str> {
    let near = clash.completion(seen.ops);
    let guess = completions.partition_point(|completion| *completion < near);
    for alone in [true, false] {
        let mut found: Option<(u32, Clash)> = None;
        let first = first_impossible(completions, guess, |last| {
            let core = if alone { seen.with(&clash.ops, last) } else { seen.all() };
            let chosen: Vec<Timed<Op>> = core.iter().map(|at| seen.ops[*at as usize]).collect();
            let Found::Clash(Clash { rule, ops }) = examine::<FAULT>(&chosen, last) else {
                return false;
            };
            let ops = ops.into_iter().map(|at| core[at as usize]).collect();
            if found.as_ref().is_none_or(|(at, _)| last < *at) {
                found = Some((last, Clash { rule, ops }));
            }
            true
        });
        if let (Some(first), Some((_, certain))) = (first, found) {
            return Ok((first, certain));
        }
    }
    Err("what was a contradiction is none")
}

/// A refutation by what contradicts itself at this completion, with all that it rests on then and right before, so that it
/// is no contradiction before. Where what is known to contribute is not enough, all that happened is taken.
fn refutation<const FAULT: u8>(seen: &Seen<'_>, completion: u32, clash: Clash) -> Refutation {
    let Clash { rule, ops: mut kept } = clash;
    let blocked = (0..).zip(seen.ops).find(|(_, op)| op.ret == completion);
    kept.extend(blocked.map(|(at, _): (u32, _)| at));
    kept.sort_unstable();
    kept.dedup();
    loop {
        let count = kept.len();
        for horizon in [completion - 1, completion] {
            let more = seen.with(&kept, horizon);
            kept.extend(more);
            kept.sort_unstable();
            kept.dedup();
        }
        if kept.len() <= count {
            break;
        }
    }
    let chosen: Vec<Timed<Op>> = kept.iter().map(|at| seen.ops[*at as usize]).collect();
    if !matches!(examine::<FAULT>(&chosen, completion), Found::Clash(_)) {
        kept = (0..seen.ops.partition_point(|op| op.call < completion) as u32).collect();
    }
    Refutation { completion, ops: kept, rule }
}

#[cfg(test)]
mod tests;
