//! A growing set whose reads answer all of it, in any order: decided in one pass, whatever is added how often.
//!
//! # The rules
//!
//! All reads saw the one set at different sizes, so of two of them one contains the other: they are a *chain*. An
//! element's *level* is the size of the smallest read that contains it; none if no read does. A read's level is its
//! size. That gives ranks: adding an element of level `l` for the first time has rank 2l - 1, a read of level `l` has
//! 2l, elements without a level come after all of these. Is there an order?
//!
//! * No read may lack an element that was added for good, so every adding of an element comes after the reads of a
//!   lower level, and one of them before the reads of its level. If an operation of a higher rank, any adding of its
//!   element, completed before one of a lower rank was invoked, a read or the *earliest invoked* adding of its element,
//!   there is no order: some adding of the latter must come first, and none was invoked earlier.
//! * If there is no such pair, there is an order: let each level begin with the earliest invoked adding of each of its
//!   elements, and place those and the reads by rank, then by invocation. Think of each as acting at the latest
//!   invocation among those up to it; that is before its completion, as there is no such pair. Any other adding of an
//!   element acts as soon as it was invoked and the first one has acted. That is before its completion too, by the same
//!   rule, and changes nothing, as the element is in. So real time is kept, and every read finds its elements.
//!
//! Crashed addings of an element that was read need not happen, but for the earliest invoked one; if no read has the
//! element none of them needs to, as no read that answered comes behind it.
//!
//! # In the order of events
//!
//! [`Monitor`] takes events one by one and fails at the first completion with which the operations so far, the open
//! ones being free to act or not, have no order. As only reads give ranks and the completion of anything else is later
//! than all invocations, only a read of `k` elements that was invoked at `s` can fail:
//!
//! * it has an element twice, or one that nobody began to add;
//! * it does not fit into the chain. Let `p` be the highest level up to `k` among its elements, 0 if there is none: it
//!   contains the read of `p` elements if just `p` of its elements have a level up to `p`. The others have one above
//!   `k`; if there are any, the next larger read of the chain contains them if none has a higher level than that one (or
//!   none at all), and is then larger than `k`. Otherwise that one lacks an element of this read; it also has one that
//!   this read lacks, as it is larger or, if its level is up to `k`, as no element of this read has that level. If the
//!   read fits and is new, its elements above `p` move to the new level `k`;
//! * an element that it lacks was added completely before `s`, or before the earliest adding of one that it has was
//!   invoked. Completed elements are kept in the order of their completion, and each read of the chain knows how far
//!   its own elements reach there without a gap: the element in the gap completed first of all that it lacks;
//! * a larger read completed before `s`.
//!
//! The first three look at each element of the answer once or twice: the gap of a new read of the chain cannot come
//! before that of the next smaller one, and every step from there to its own gap passes one of its elements. The last
//! is a binary search among the reads that were larger than all before them. So all is linear in the input but for that
//! search.
//!
//! # What can be forgotten
//!
//! Elements below the smallest level that an open or later read can have (that of the largest read completed before the
//! invocation of the oldest open one) could share a level, and smaller reads of the chain and the beginning of the order
//! of completion before its gap be dropped. That an element is in must be kept to know it again.
//!
//! That answers must form a chain is what lattice agreement asks of its outputs (Attiya, Herlihy and Rachman, 1995). The
//! ranks are those of [`append_list`](super::append_list), with levels that can be split later.

use rustc_hash::FxHashMap;

use super::lists::{Answers, NONE, Read};
use super::timeline::{Moment, by_rank, moments};
use super::{Decision, NEVER, Refutation, Rule, Timed};

/// What can be done to a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetOp {
    /// Puts this element in; nothing changes if it is.
    Add(u32),
    /// Answered the elements of this list.
    Read(u32),
}

/// Decides whether the operations of one set, in order of invocation, have an order. Crashed reads are not among them.
pub(crate) fn decide(ops: &[Timed<SetOp>], lists: &impl Answers) -> Decision {
    run(Monitor::default(), ops, lists)
}

fn run(mut monitor: Monitor, ops: &[Timed<SetOp>], lists: &impl Answers) -> Decision {
    let mut room = Vec::new();
    for moment in moments(ops) {
        match moment {
            Moment::Invoked(at) => {
                let Timed { call, op, .. } = ops[at as usize];
                if let SetOp::Add(element) = op {
                    monitor.add_invoked(element, at, call);
                }
            }
            Moment::Completed(at) => {
                let Timed { call, ret, op } = ops[at as usize];
                let list = match op {
                    SetOp::Add(element) => {
                        monitor.add_completed(element, at, ret);
                        continue;
                    }
                    SetOp::Read(list) => lists.elements(list, &mut room),
                };
                if let Err(refutation) = monitor.read_completed(Read { op: at, call, ret }, list) {
                    return Decision::NotLinearizable(refutation);
                }
            }
        }
    }
    Decision::Linearizable(monitor.order(ops, lists))
}

/// What is known about a set, event by event. After a refutation it is of no further use.
#[derive(Debug)]
pub(crate) struct Monitor {
    /// By element.
    marks: Vec<Mark>,
    /// By element.
    adds: Vec<Adds>,
    /// Elements in the order in which their first adding completed.
    completed: Vec<u32>,
    /// By size: the reads of the chain. The empty one is always there.
    chain: Vec<Link>,
    /// The reads that were larger than all before them, in order.
    largest: Vec<Larger>,
    reads: u32,
    /// By element, in order of invocation; the last one may be such that none after it is asked for.
    again: FxHashMap<u32, Vec<Again>>,
    #[cfg(test)]
    sabotage: Option<Sabotage>,
}

/// What is asked about an element of every answer.
#[derive(Debug, Clone, Copy)]
struct Mark {
    level: u32,
    /// The last read that answered it.
    read: u32,
}

/// The addings of an element.
#[derive(Debug, Clone, Copy)]
struct Adds {
    /// Of the one invoked first.
    call: u32,
    call_op: u32,
    /// Whether that one is still open.
    may_fail: bool,
    /// Of the one completed first.
    ret: u32,
    ret_op: u32,
}

impl Adds {
    const ABSENT: Self = Self { call: 0, call_op: NONE, may_fail: false, ret: NEVER, ret_op: NONE };
}

/// An adding of an element that began while the one invoked first could still fail.
#[derive(Debug, Clone, Copy)]
struct Again {
    op: u32,
    call: u32,
    may_fail: bool,
}

/// A read of the chain.
#[derive(Debug, Clone, Copy)]
struct Link {
    /// Who read it first, and when that was over.
    reader: u32,
    ret: u32,
    /// Size of the next larger one.
    next: u32,
    /// How many elements in order of completion it has without a gap, so far as that was looked at.
    reach: u32,
    /// The latest of its elements' earliest invocations.
    latest_call: u32,
    latest_op: u32,
}

impl Link {
    const EMPTY: Self =
        Self { reader: NONE, ret: NEVER, next: NONE, reach: 0, latest_call: 0, latest_op: NONE };
}

/// A read that completed, larger than those before.
#[derive(Debug, Clone, Copy)]
struct Larger {
    size: u32,
    ret: u32,
    op: u32,
}

/// How a read fits into the chain.
#[derive(Debug, Clone, Copy)]
struct Place {
    size: u32,
    /// The largest read of the chain that is not larger.
    below: u32,
}

/// Known-wrong variants of the rules. Each must be caught by the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sabotage {
    /// A read may repeat an element.
    Repeats,
    /// A read need not contain the next smaller one.
    Below,
    /// The next larger read need not contain it.
    Above,
    /// A new read of the chain leaves the levels as they are.
    NoSplit,
    /// A read may lack what was added before it.
    Lost,
    /// A read may lack what was added before its elements.
    LaterElements,
    /// Only the earliest invoked adding of an element counts for its completion.
    OneAdding,
    /// Reads may be smaller than earlier ones.
    SmallerReads,
    /// The gap of a read is where that of the next smaller one was.
    StaleReach,
    /// An element may be read before anybody adds it, if it is added later.
    FromNowhere,
}

impl Default for Monitor {
    fn default() -> Self {
        Self {
            marks: Vec::new(),
            adds: Vec::new(),
            completed: Vec::new(),
            chain: vec![Link::EMPTY],
            largest: Vec::new(),
            reads: 0,
            again: FxHashMap::default(),
            #[cfg(test)]
            sabotage: None,
        }
    }
}

impl Monitor {
    /// An element begins to be added.
    pub(crate) fn add_invoked(&mut self, element: u32, op: u32, call: u32) {
        let at = element as usize;
        if at >= self.adds.len() {
            self.adds.resize(at + 1, Adds::ABSENT);
            self.marks.resize(at + 1, Mark { level: NONE, read: 0 });
        }
        let adds = &mut self.adds[at];
        if adds.call_op == NONE {
            (adds.call, adds.call_op, adds.may_fail) = (call, op, true);
        } else if adds.may_fail {
            let again = self.again.entry(element).or_default();
            if again.last().is_none_or(|last| last.may_fail) {
                again.push(Again { op, call, may_fail: true });
            }
        }
    }

    /// An element that began to be added is.
    pub(crate) fn add_completed(&mut self, element: u32, op: u32, ret: u32) {
        self.settle(element, op);
        let ignored = self.breaks(Sabotage::OneAdding);
        let Some(adds) = self.adds.get_mut(element as usize) else { return };
        if adds.ret_op == NONE && (adds.call_op == op || !ignored) {
            (adds.ret, adds.ret_op) = (ret, op);
            self.completed.push(element);
        }
    }

    /// What became of an adding will stay unknown: it may have happened, and will not fail any more.
    pub(crate) fn add_unknown(&mut self, element: u32, op: u32) {
        self.settle(element, op);
    }

    /// An adding that began did not happen. `Err` with the rule that this breaks.
    pub(crate) fn add_failed(&mut self, element: u32, op: u32) -> Result<(), (Rule, Vec<u32>)> {
        let Some(adds) = self.adds.get_mut(element as usize) else { return Ok(()) };
        if adds.call_op != op {
            if let Some(again) = self.again.get_mut(&element) {
                again.retain(|other| other.op != op);
            }
            return Ok(());
        }
        let level = self.marks[element as usize].level;
        let mut again = self.again.remove(&element).unwrap_or_default();
        if again.is_empty() {
            *adds = Adds::ABSENT;
            return if level == NONE { Ok(()) } else { Err((Rule::FromNowhere, vec![op])) };
        }
        let next = again.remove(0);
        (adds.call, adds.call_op, adds.may_fail) = (next.call, next.op, next.may_fail);
        if next.may_fail && !again.is_empty() {
            self.again.insert(element, again);
        }
        if level == NONE {
            return Ok(());
        }
        self.begin_later(level, next.call, next.op)
    }

    /// An adding will not fail any more.
    fn settle(&mut self, element: u32, op: u32) {
        let Some(adds) = self.adds.get_mut(element as usize) else { return };
        if adds.call_op == op {
            adds.may_fail = false;
            self.again.remove(&element);
        } else if let Some(again) = self.again.get_mut(&element) {
            // Later ones are not asked for any more.
            if let Some(at) = again.iter().position(|other| other.op == op) {
                again[at].may_fail = false;
                again.truncate(at + 1);
            }
        }
    }

    /// An element of this level was first added later than it seemed: no read that has it may have been over before that,
    /// and what those reads lack must not have been added before that.
    fn begin_later(&mut self, level: u32, call: u32, op: u32) -> Result<(), (Rule, Vec<u32>)> {
        let mut size = level;
        while size != NONE {
            let link = &mut self.chain[size as usize];
            if call >= link.latest_call {
                (link.latest_call, link.latest_op) = (call, op);
            }
            let Link { reader, ret, next, latest_call, latest_op, .. } = *link;
            if ret < call {
                return Err((Rule::FromNowhere, vec![reader, op]));
            }
            let lacked = self.lacked(size);
            if lacked.ret < latest_call {
                return Err((Rule::Rank, vec![reader, lacked.ret_op, latest_op]));
            }
            size = next;
        }
        Ok(())
    }

    /// A read answers these elements.
    pub(crate) fn read_completed(&mut self, read: Read, list: &[u32]) -> Result<(), Refutation> {
        let place = self.place(read, list)?;
        if place.below != place.size {
            self.link(read, list, place);
        }
        self.check_reads_before(read, place.size)?;
        self.check_adds_before(read, place.size)
    }

    /// Where a read belongs in the chain.
    fn place(&mut self, read: Read, list: &[u32]) -> Result<Place, Refutation> {
        self.reads += 1;
        let size = list.len() as u32;
        let (mut known, mut below, mut highest) = (0, 0, 0);
        for element in list {
            let Some(mark) = self.marks.get_mut(*element as usize) else {
                return Err(read.refute(Rule::FromNowhere, &[]));
            };
            let level = mark.level;
            let repeated = std::mem::replace(&mut mark.read, self.reads) == self.reads;
            if repeated && !self.breaks(Sabotage::Repeats) {
                return Err(read.refute(Rule::Twice, &[]));
            }
            if level <= size {
                known += 1;
                below = below.max(level);
            } else {
                highest = highest.max(level);
                if level == NONE
                    && self.adds[*element as usize].call_op == NONE
                    && !self.breaks(Sabotage::FromNowhere)
                {
                    return Err(read.refute(Rule::FromNowhere, &[]));
                }
            }
        }
        let above = self.chain[below as usize].next;
        let lacks_below = known != below && !self.breaks(Sabotage::Below);
        let exceeds = below < size && highest > above && !self.breaks(Sabotage::Above);
        if !lacks_below && !exceeds {
            return Ok(Place { size, below });
        }
        let other = if lacks_below { below } else { above };
        Err(read.refute(Rule::Incompatible, &[self.chain[other as usize].reader]))
    }

    /// Makes a read part of the chain, its level taken from that of the next larger one.
    fn link(&mut self, read: Read, list: &[u32], place: Place) {
        let Place { size, below } = place;
        let mut link = Link { reader: read.op, ret: read.ret, ..self.chain[below as usize] };
        let splits = link.next == NONE || !self.breaks(Sabotage::NoSplit);
        for element in list {
            let mark = &mut self.marks[*element as usize];
            if mark.level > size {
                mark.level = if splits { size } else { mark.level };
                let adds = self.adds[*element as usize];
                if adds.call >= link.latest_call {
                    (link.latest_call, link.latest_op) = (adds.call, adds.call_op);
                }
            }
        }
        if link.next == NONE {
            self.largest.push(Larger { size, ret: read.ret, op: read.op });
        }
        if self.chain.len() <= size as usize {
            self.chain.resize(size as usize + 1, Link::EMPTY);
        }
        self.chain[below as usize].next = size;
        self.chain[size as usize] = link;
    }

    /// No larger read may have completed before this one was invoked.
    fn check_reads_before(&self, read: Read, size: u32) -> Result<(), Refutation> {
        let at = self.largest.partition_point(|larger| larger.size <= size);
        match self.largest.get(at) {
            Some(larger) if larger.ret < read.call && !self.breaks(Sabotage::SmallerReads) => {
                Err(read.refute(Rule::Lost, &[larger.op]))
            }
            _ => Ok(()),
        }
    }

    /// Nothing that this read lacks may have been added before it, or before something that it has.
    fn check_adds_before(&mut self, read: Read, size: u32) -> Result<(), Refutation> {
        let lacked = self.lacked(size);
        let link = self.chain[size as usize];
        if lacked.ret < read.call && !self.breaks(Sabotage::Lost) {
            return Err(read.refute(Rule::Lost, &[lacked.ret_op]));
        }
        if lacked.ret < link.latest_call && !self.breaks(Sabotage::LaterElements) {
            return Err(read.refute(Rule::Rank, &[lacked.ret_op, link.latest_op]));
        }
        Ok(())
    }

    /// The first completed adding of an element that the read of this size lacks.
    fn lacked(&mut self, size: u32) -> Adds {
        let mut reach = self.chain[size as usize].reach;
        let lacked = loop {
            let Some(element) = self.completed.get(reach as usize) else { break Adds::ABSENT };
            let level = self.marks[*element as usize].level;
            if level > size || self.breaks(Sabotage::StaleReach) {
                break self.adds[*element as usize];
            }
            reach += 1;
        };
        self.chain[size as usize].reach = reach;
        lacked
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

    /// By rank and invocation, repeated addings among them as soon as they can be.
    fn order(&self, ops: &[Timed<SetOp>], lists: &impl Answers) -> Vec<u32> {
        let unread = 2 * self.chain.len();
        let is_first = |at: usize, element: u32| self.adds[element as usize].call_op == at as u32;
        let level = |element: u32| self.marks[element as usize].level;
        let firsts = by_rank(ops.len(), unread + 1, |at| match ops[at].op {
            SetOp::Read(list) => Some(2 * lists.count(list)),
            SetOp::Add(element) => match level(element) {
                NONE => (!ops[at].is_crashed()).then_some(unread),
                level => is_first(at, element).then(|| 2 * level as usize - 1),
            },
        });
        let repeats = |at: &usize| match ops[*at].op {
            SetOp::Read(_) => false,
            SetOp::Add(element) => {
                !ops[*at].is_crashed() && level(element) != NONE && !is_first(*at, element)
            }
        };
        let repeats: Vec<usize> = (0..ops.len()).filter(repeats).collect();
        if repeats.is_empty() { firsts } else { self.merge(ops, &firsts, &repeats) }
    }

    /// Puts repeated addings where they were invoked or, if that is later, where their element is first added.
    fn merge(&self, ops: &[Timed<SetOp>], firsts: &[u32], repeats: &[usize]) -> Vec<u32> {
        let mut latest = 0;
        let mut acts = vec![0; ops.len()];
        for at in firsts {
            latest = latest.max(ops[*at as usize].call);
            acts[*at as usize] = latest;
        }
        for at in repeats {
            if let SetOp::Add(element) = ops[*at].op {
                let first = self.adds[element as usize].call_op as usize;
                acts[*at] = acts[first].max(ops[*at].call);
            }
        }
        let mut repeats: Vec<u32> = repeats.iter().map(|at| *at as u32).collect();
        repeats.sort_unstable_by_key(|at| (acts[*at as usize], *at));
        let mut repeats = repeats.into_iter().peekable();
        let mut order = Vec::with_capacity(firsts.len() + repeats.len());
        for at in firsts {
            let now = acts[*at as usize];
            while let Some(repeat) = repeats.next_if(|repeat| acts[*repeat as usize] < now) {
                order.push(repeat);
            }
            order.push(*at);
        }
        order.extend(repeats);
        order
    }
}

#[cfg(test)]
mod tests;
