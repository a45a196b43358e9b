//! A growing list whose reads answer all of it, elements never appended twice: decided in one pass.
//!
//! # The rules
//!
//! All reads saw the one list at different lengths, so each must be a beginning of the longest one, here the *spine*
//! `a1 .. am`. That gives every operation a rank: appending `ai` has rank 2i - 1, a read of i elements 2i, an append
//! that no read saw comes after all of these. An operation of a smaller rank must come first. Is there an order?
//!
//! * If two operations `o`, `p` have `rank(o) < rank(p)` but `p` completed before `o` was invoked, there is none.
//! * If there is no such pair, there is one: by rank, and by invocation among equal ranks. Real time is kept between
//!   ranks as there is no such pair, and within a rank as nothing completes before an earlier invocation; and every
//!   read finds exactly its elements in front of it.
//!
//! A crashed append that was read did happen and is ranked like the others, without a completion. One that was not read
//! is left out: if it stands in an order, nothing that was read comes behind it, so the order holds without it.
//!
//! # In the order of events
//!
//! [`Monitor`] takes events one by one and fails at the first completion with which the operations so far, the open
//! ones being free to act or not, have no order. Only the completion of a read can be that: the completion of anything
//! else is later than all invocations, and adds no rank. What a read that began at `s` and answers `k` elements can
//! break:
//!
//! * its answer and the spine disagree, or it has an element that nobody began to append, or one twice;
//! * it lengthens the spine, which ranks elements: one must not have been appended completely before the invocation of
//!   one that stands in front of it, nor may one that is still unread have been so before any of the spine. It is
//!   enough to know the latest invocation among the spine's elements;
//! * something of a larger rank completed before `s`: an unread element, an element behind the first `k`, a longer read.
//!
//! For the last, unread elements wait in the order of their completion, so that the first one tells. For the rest,
//! [`Bound`]s say that from some moment on a read has at least so many elements. One that asks for less than an earlier
//! one says nothing, so both numbers increase along them, and a new one removes those it makes idle from the end.
//!
//! Per event that is constant work, amortised, and for a read a comparison of its elements with the spine and a binary
//! search among the bounds.
//!
//! # What can be forgotten
//!
//! The spine itself must be kept to be compared with. Of an append that was read and has completed only the bit that it
//! was read is asked for again. Of the bounds older than every open read one is enough ([`Monitor::forget`]). An element
//! leaves the queue of unread ones soon after it is read; those that stay are those that may be read yet.
//!
//! The idea that the longest read fixes the order is Elle's (Kingsbury and Alvaro, 2020), where it gives the version
//! order of a transactional history.

use std::collections::VecDeque;

use super::lists::{Answers, NONE, Read};
use super::timeline::{Moment, by_rank, moments};
use super::{Decision, NEVER, Refutation, Rule, Timed};

/// What can be done to a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListOp {
    /// Puts this element at the end.
    Append(u32),
    /// Answered the list of this number.
    Read(u32),
}

/// Decides whether the operations of one list, in order of invocation, have an order. Crashed reads are not among them.
pub(crate) fn decide(ops: &[Timed<ListOp>], lists: &impl Answers) -> Decision {
    run(Monitor::default(), ops, lists)
}

fn run(mut monitor: Monitor, ops: &[Timed<ListOp>], lists: &impl Answers) -> Decision {
    let mut room = Vec::new();
    for moment in moments(ops) {
        let outcome = match moment {
            Moment::Invoked(at) => match ops[at as usize].op {
                ListOp::Append(element) => {
                    if monitor.append_invoked(element, at, ops[at as usize].call).is_err() {
                        return Decision::Inapplicable("an element is appended twice");
                    }
                    Ok(())
                }
                ListOp::Read(_) => Ok(()),
            },
            Moment::Completed(at) => {
                let Timed { call, ret, op } = ops[at as usize];
                match op {
                    ListOp::Append(element) => {
                        monitor.append_completed(element, ret);
                        Ok(())
                    }
                    ListOp::Read(list) => monitor.read_completed(
                        Read { op: at, call, ret },
                        lists.elements(list, &mut room),
                    ),
                }
            }
        };
        if let Err(refutation) = outcome {
            return Decision::NotLinearizable(refutation);
        }
    }
    Decision::Linearizable(monitor.order(ops, lists))
}

/// An element is appended that was appended before: the rules do not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Repeated;

/// What is known about a list, event by event. After a refutation it is of no further use.
#[derive(Debug, Default)]
pub(crate) struct Monitor {
    /// By element.
    appends: Vec<Append>,
    /// The longest list that was read, and who read it.
    spine: Vec<u32>,
    reader: u32,
    /// Of the appends in the spine, the one invoked last.
    latest_call: u32,
    latest_op: u32,
    /// Completed appends in order of completion, without those at the front that were read.
    unread: VecDeque<u32>,
    /// Both numbers increase.
    bounds: VecDeque<Bound>,
    #[cfg(test)]
    sabotage: Option<Sabotage>,
}

#[derive(Debug, Clone, Copy)]
struct Append {
    op: u32,
    call: u32,
    ret: u32,
    /// In the spine.
    position: u32,
}

impl Append {
    const ABSENT: Self = Self { op: NONE, call: 0, ret: NEVER, position: NONE };
}

/// A read that begins after `ret` has at least `len` elements, because of `op`.
#[derive(Debug, Clone, Copy)]
struct Bound {
    len: usize,
    ret: u32,
    op: u32,
}

/// Known-wrong variants of the rules. Each must be caught by the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sabotage {
    /// Any order of the elements is good.
    SpineOrder,
    /// Unread elements are not compared with the spine.
    UnreadBehindSpine,
    /// Reads need not contain what was appended before them, if nobody has read it.
    UnreadBeforeRead,
    /// Reads need not contain what was appended before them, if somebody has read it.
    ReadBeforeRead,
    /// Reads may be shorter than earlier ones.
    ShorterReads,
    /// The last element that two reads share is not compared.
    LastElement,
    /// A read may repeat an element.
    Repeats,
    /// Only the latest bound is kept.
    OneBound,
    /// Appends that were read while they were open stay unread.
    CrashedUnread,
}

impl Monitor {
    /// An element begins to be appended.
    pub(crate) fn append_invoked(
        &mut self,
        element: u32,
        op: u32,
        call: u32,
    ) -> Result<(), Repeated> {
        let at = element as usize;
        if at >= self.appends.len() {
            self.appends.resize(at + 1, Append::ABSENT);
        }
        if self.appends[at].op != NONE {
            return Err(Repeated);
        }
        self.appends[at] = Append { op, call, ..Append::ABSENT };
        Ok(())
    }

    /// An element that began to be appended is.
    pub(crate) fn append_completed(&mut self, element: u32, ret: u32) {
        let Some(append) = self.appends.get_mut(element as usize) else { return };
        append.ret = ret;
        if append.position == NONE {
            self.unread.push_back(element);
        }
    }

    /// What began to be appended was not. False if somebody read it.
    pub(crate) fn append_failed(&mut self, element: u32) -> bool {
        let Some(append) = self.appends.get_mut(element as usize) else { return true };
        let unread = append.position == NONE;
        *append = Append::ABSENT;
        unread
    }

    /// A read answers these elements.
    pub(crate) fn read_completed(&mut self, read: Read, list: &[u32]) -> Result<(), Refutation> {
        let shared = self.spine.len().min(list.len());
        let compared = shared - usize::from(self.breaks(Sabotage::LastElement) && shared > 0);
        if list[..compared] != self.spine[..compared] {
            return Err(self.disagreement(read, list));
        }
        if list.len() > shared {
            self.lengthen(read, &list[shared..])?;
        }
        self.check_before(read, list.len())
    }

    /// No open read was invoked before `call`: drops what only such a read could ask for.
    pub(crate) fn forget(&mut self, call: u32) {
        while self.bounds.get(1).is_some_and(|bound| bound.ret < call) {
            self.bounds.pop_front();
        }
    }

    /// Why a read that is neither a beginning of the spine nor goes on from it cannot be.
    fn disagreement(&self, read: Read, list: &[u32]) -> Refutation {
        let unknown = |element: &u32| self.append(*element).is_none();
        if list.iter().any(unknown) {
            return read.refute(Rule::FromNowhere, &[]);
        }
        read.refute(Rule::Incompatible, &[self.reader])
    }

    fn append(&self, element: u32) -> Option<&Append> {
        self.appends.get(element as usize).filter(|append| append.op != NONE)
    }

    /// Ranks elements that were not read before.
    fn lengthen(&mut self, read: Read, elements: &[u32]) -> Result<(), Refutation> {
        for element in elements {
            let Some(append) = self.append(*element).copied() else {
                return Err(read.refute(Rule::FromNowhere, &[]));
            };
            if append.position != NONE && !self.breaks(Sabotage::Repeats) {
                return Err(read.refute(Rule::Twice, &[append.op]));
            }
            if append.ret < self.latest_call && !self.breaks(Sabotage::SpineOrder) {
                return Err(read.refute(Rule::Rank, &[append.op, self.latest_op]));
            }
            if append.call >= self.latest_call {
                (self.latest_call, self.latest_op) = (append.call, append.op);
            }
            if append.ret != NEVER || !self.breaks(Sabotage::CrashedUnread) {
                self.appends[*element as usize].position = self.spine.len() as u32;
            }
            self.spine.push(*element);
            if append.ret != NEVER && !self.breaks(Sabotage::ReadBeforeRead) {
                self.bound(Bound { len: self.spine.len(), ret: append.ret, op: append.op });
            }
        }
        self.reader = read.op;
        if !self.breaks(Sabotage::ShorterReads) {
            self.bound(Bound { len: self.spine.len(), ret: read.ret, op: read.op });
        }
        match self.first_unread() {
            Some(unread)
                if unread.ret < self.latest_call && !self.breaks(Sabotage::UnreadBehindSpine) =>
            {
                Err(read.refute(Rule::Lost, &[unread.op, self.latest_op]))
            }
            _ => Ok(()),
        }
    }

    fn bound(&mut self, bound: Bound) {
        while self
            .bounds
            .back()
            .is_some_and(|last| last.ret >= bound.ret || self.breaks(Sabotage::OneBound))
        {
            self.bounds.pop_back();
        }
        self.bounds.push_back(bound);
    }

    /// Of the completed appends that nobody has read, the one that completed first.
    fn first_unread(&mut self) -> Option<Append> {
        while let Some(element) = self.unread.front() {
            let append = self.appends[*element as usize];
            if append.position == NONE {
                return Some(append);
            }
            self.unread.pop_front();
        }
        None
    }

    /// Nothing that this read lacks may have completed before it was invoked.
    fn check_before(&mut self, read: Read, len: usize) -> Result<(), Refutation> {
        if len < self.spine.len() {
            let at = self.bounds.partition_point(|bound| bound.len <= len);
            if let Some(bound) = self.bounds.get(at).filter(|bound| bound.ret < read.call) {
                return Err(read.refute(Rule::Lost, &[bound.op]));
            }
        }
        match self.first_unread() {
            Some(unread) if unread.ret < read.call && !self.breaks(Sabotage::UnreadBeforeRead) => {
                Err(read.refute(Rule::Lost, &[unread.op]))
            }
            _ => Ok(()),
        }
    }

    #[cfg(test)]
    fn breaks(&self, rule: Sabotage) -> bool {
        self.sabotage == Some(rule)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "the same call in tests, where rules can be broken")]
    fn breaks(&self, _rule: Sabotage) -> bool {
        false
    }

    /// By rank, then by invocation.
    fn order(&self, ops: &[Timed<ListOp>], lists: &impl Answers) -> Vec<u32> {
        let unread = 2 * self.spine.len() + 1;
        by_rank(ops.len(), unread + 1, |at| match ops[at].op {
            ListOp::Read(list) => Some(2 * lists.count(list)),
            ListOp::Append(element) => match self.appends[element as usize].position {
                NONE => (!ops[at].is_crashed()).then_some(unread),
                position => Some(2 * position as usize + 1),
            },
        })
    }
}

#[cfg(test)]
mod tests;
