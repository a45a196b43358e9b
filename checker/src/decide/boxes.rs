//! What queues, stacks and priority queues share: elements are put into a box and taken out of it, each once.
//!
//! The operations are matched into [`Item`]s, an element with its put and its take, and time into *gaps*: gap `x` is
//! what lies between event `x` and the next. An operation may act in any gap from its invocation to before its
//! completion. An element must be in the box in the gaps from the completion of its put to before the invocation of its
//! take, and can be kept out of it in all others: that is its *presence*. Each [`Discipline`] says which element may be
//! taken, as an exact answer for histories in which no take is open.
//!
//! # Takes without an answer
//!
//! An open take may act at any time from its invocation, or never, and take anything. It can only help by taking an
//! element that no answer accounts for, a *loose* one. For each loose element the discipline says a latest gap at which
//! it must be gone in every order ([`Discipline::deadlines`]). Open takes never end, so if each of the elements with a
//! deadline is to be taken, by a take invoked before that deadline, then giving the takes in order of invocation to the
//! elements in order of deadline does it or nothing does (Hall's condition for nested choices). So:
//! - no assignment: not linearizable;
//! - with this assignment the open takes have answers, and if the exact decider finds an order, it is one;
//! - the loose elements and open takes left out of any order leave an order, so if there is none without them there is
//!   none with them.
//!
//! If neither proves anything the answer is [`Answer::Unsure`]. For a queue that never answered "empty" this cannot
//! happen (see [`super::fifo_queue`]).

mod ends;
mod refute;
#[cfg(test)]
mod tests;
mod unpainted;

pub(super) use ends::Ends;
pub(super) use unpainted::Unpainted;

use super::{Decision, Rule, Timed};

/// An operation of a box. Elements are numbered densely: tables are as long as the highest number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueueOp {
    /// Puts an element in.
    Put(u32),
    /// Took an element out, or found the box empty. Means nothing if the operation never completed.
    Take(Option<u32>),
}

/// Stands for an operation that there is not.
pub(super) const NO_OP: u32 = u32::MAX;

/// The gaps in which an operation may act: `from <= x < to`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) from: u32,
    pub(super) to: u32,
}

/// An element with the operations that put it in and took it out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub(super) element: u32,
    pub(super) put: u32,
    /// [`NO_OP`] if it is loose: its take may then be thought of as in the gap after all.
    pub(super) take: u32,
    /// The put's window, cut to before the last gap of the take's.
    pub(super) put_in: Window,
    /// The take's window, cut to after the first gap of the put's.
    pub(super) take_in: Window,
}

impl Item {
    pub(super) fn is_loose(&self) -> bool {
        self.take == NO_OP
    }

    /// The gaps in which it must be there, if there are any.
    pub(super) fn presence(&self) -> Option<Window> {
        let presence = Window { from: self.put_in.to, to: self.take_in.from };
        (presence.from < presence.to).then_some(presence)
    }
}

/// A take that found nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Empty {
    pub(super) op: u32,
    pub(super) within: Window,
}

/// A take without an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenTake {
    op: u32,
    from: u32,
    /// What it answered later, if that is known: a good guess.
    hint: Option<u32>,
}

/// A history of a box, matched.
#[derive(Debug, Clone, Default)]
pub(super) struct Contents {
    /// How many gaps there are.
    pub(super) gaps: u32,
    pub(super) items: Vec<Item>,
    pub(super) empties: Vec<Empty>,
    /// In order of invocation.
    open: Vec<OpenTake>,
    /// Whether an order is wanted, or only whether there is one.
    pub(super) wants_order: bool,
    pub(super) faults: Faults,
}

/// What can be said about a history, or its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// In this order, if one was wanted.
    Yes(Vec<u32>),
    No(Blame),
    Unsure,
}

/// Why there is no order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Blame {
    pub(super) rule: Rule,
    /// Operations that likely contradict each other, with all others of their elements.
    pub(super) ops: Vec<u32>,
}

/// Which element of a box may be taken.
pub(super) trait Discipline {
    /// An order of the operations, where no take is open; exact. None in particular if none is wanted.
    fn arrange(&self, contents: &Contents) -> Result<Vec<u32>, Blame>;

    /// For loose items, by number: a gap before which it must be gone, whatever the order. Those that may stay are left
    /// out.
    fn deadlines(&self, contents: &Contents) -> Vec<Deadline>;

    /// Which rule is broken, to see that the tests notice.
    fn faults(&self) -> Faults;
}

/// See [`Discipline::deadlines`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Deadline {
    pub(super) before: u32,
    pub(super) item: u32,
}

/// Known-wrong variants of the rules. Each must be caught by the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// An element may be taken twice.
    TakenTwice,
    /// Any open takes may have taken what is missing, whenever they began.
    OpenTakesBeganBefore,
    /// No open take takes anything.
    OpenTakesIdle,
    /// The box may be found empty at any time.
    EmptyAtAnyTime,
    /// Queues: elements may overtake each other.
    Overtaking,
    /// Queues: an answer "empty" is placed, but the elements do not keep to their side of it.
    EmptiesFloat,
    /// Stacks: an element's put may be where others are present.
    PutsAnywhere,
    /// Stacks: an element's take may be where others are present.
    TakesAnywhere,
    /// Priority queues: an element may be taken while lesser ones are present.
    AnyOrder,
}

/// Which rule is broken, in tests; none otherwise.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faults {
    #[cfg(test)]
    pub(super) only: Option<Fault>,
}

impl Faults {
    #[cfg(test)]
    pub(super) fn breaks(self, rule: Fault) -> bool {
        self.only == Some(rule)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "the same call in tests, where rules can be broken")]
    pub(super) fn breaks(self, _rule: Fault) -> bool {
        false
    }
}

/// Decides a history of a box.
pub(super) fn settle(ops: &[Timed<QueueOp>], discipline: &impl Discipline) -> Decision {
    let mut table = Table { items: vec![NO_OP; elements(ops)] };
    if !table.puts_are_unique(ops) {
        return Decision::Inapplicable("an element is put in more than once");
    }
    match answer(ops, &mut table, discipline, true) {
        Answer::Yes(order) => Decision::Linearizable(order),
        Answer::No(blame) => refute::refute(ops, blame, &mut table, discipline),
        Answer::Unsure => Decision::Inapplicable(UNSURE),
    }
}

const UNSURE: &str = "operations of unknown outcome may have taken elements in too many ways";

/// By element: the index of its item; nothing between two uses. Made once, as parts of the history are looked at too.
pub(super) struct Table {
    items: Vec<u32>,
}

impl Table {
    fn puts_are_unique(&mut self, ops: &[Timed<QueueOp>]) -> bool {
        let unique = ops.iter().all(|op| match op.op {
            QueueOp::Put(element) => {
                std::mem::replace(&mut self.items[element as usize], 0) == NO_OP
            }
            QueueOp::Take(_) => true,
        });
        self.items.fill(NO_OP);
        unique
    }
}

fn elements(ops: &[Timed<QueueOp>]) -> usize {
    let numbers = ops.iter().filter_map(|op| match op.op {
        QueueOp::Put(element) | QueueOp::Take(Some(element)) => Some(element as usize + 1),
        QueueOp::Take(None) => None,
    });
    numbers.max().unwrap_or(0)
}

/// What is sure about these operations.
pub(super) fn answer(
    ops: &[Timed<QueueOp>],
    table: &mut Table,
    discipline: &impl Discipline,
    wants_order: bool,
) -> Answer {
    let contents = match Contents::gather(ops, table, discipline.faults()) {
        Ok(contents) => Contents { wants_order, ..contents },
        Err(blame) => return Answer::No(blame),
    };
    if contents.open.is_empty() || !contents.items.iter().any(Item::is_loose) {
        return discipline.arrange(&contents).map_or_else(Answer::No, Answer::Yes);
    }
    // What really happened explains the beginning of a history that goes wrong later.
    if let Some(Ok(order)) = contents.as_hinted().map(|hinted| discipline.arrange(&hinted)) {
        return Answer::Yes(order);
    }
    let assigned = match contents.assign(&contents.deadlines(discipline)) {
        Ok(assigned) => assigned,
        Err(blame) => return Answer::No(blame),
    };
    if let Ok(order) = discipline.arrange(&assigned) {
        return Answer::Yes(order);
    }
    match discipline.arrange(&contents.without_loose()) {
        Ok(_) => Answer::Unsure,
        Err(blame) => Answer::No(blame),
    }
}

/// Open takes that may matter, in order: `all` that began when some element was still there that had to be gone, or as many
/// as there are such elements.
fn useful_takes(
    ops: &[Timed<QueueOp>],
    table: &mut Table,
    discipline: &impl Discipline,
    all: bool,
) -> Vec<u32> {
    let Ok(contents) = Contents::gather(ops, table, discipline.faults()) else {
        return Vec::new();
    };
    let deadlines = contents.deadlines(discipline);
    let last = deadlines.last().map_or(0, |deadline| deadline.before);
    let count = if all { contents.open.len() } else { deadlines.len() };
    let open = contents.open.iter().filter(|open| open.from < last);
    open.map(|open| open.op).take(count).collect()
}

impl Contents {
    /// Matches puts with takes. An error where that alone is impossible.
    fn gather(ops: &[Timed<QueueOp>], table: &mut Table, faults: Faults) -> Result<Self, Blame> {
        let (windows, gaps) = windows(ops);
        let mut contents = Self { gaps, faults, ..Self::default() };
        for (at, op) in ops.iter().enumerate() {
            if let QueueOp::Put(element) = op.op {
                table.items[element as usize] = contents.items.len() as u32;
                let never = Window { from: gaps, to: gaps };
                let (put, put_in) = (at as u32, windows[at]);
                contents.items.push(Item { element, put, take: NO_OP, put_in, take_in: never });
            }
        }
        let takes = contents.gather_takes(ops, &windows, &table.items);
        for item in &contents.items {
            table.items[item.element as usize] = NO_OP;
        }
        contents.items.retain(|item| !item.is_loose() || item.put_in.to < gaps);
        takes.map(|()| contents)
    }

    fn gather_takes(
        &mut self,
        ops: &[Timed<QueueOp>],
        windows: &[Window],
        item_of: &[u32],
    ) -> Result<(), Blame> {
        // Of several flaws the one that was known first.
        let mut flaw: Option<(u32, Blame)> = None;
        for (at, op) in ops.iter().enumerate() {
            let QueueOp::Take(answer) = op.op else { continue };
            let (number, within) = (at as u32, windows[at]);
            if op.is_crashed() {
                if !self.faults.breaks(Fault::OpenTakesIdle) {
                    self.open.push(OpenTake { op: number, from: within.from, hint: answer });
                }
            } else if let Some(element) = answer {
                let item = self.items.get_mut(item_of[element as usize] as usize);
                let taken = item.ok_or(Rule::FromNowhere);
                let taken = taken.and_then(|item| take_out(item, number, within, self.faults));
                if let Err(rule) = taken
                    && flaw.as_ref().is_none_or(|(ret, _)| op.ret < *ret)
                {
                    flaw = Some((op.ret, Blame { rule, ops: vec![number] }));
                }
            } else {
                self.empties.push(Empty { op: number, within });
            }
        }
        flaw.map_or(Ok(()), |(_, blame)| Err(blame))
    }

    /// In order.
    fn deadlines(&self, discipline: &impl Discipline) -> Vec<Deadline> {
        let mut deadlines = discipline.deadlines(self);
        deadlines.sort_unstable();
        deadlines
    }

    /// Gives open takes to the items with deadlines, if there are enough of them.
    fn assign(&self, deadlines: &[Deadline]) -> Result<Self, Blame> {
        let mut assigned = Self { open: Vec::new(), ..self.clone() };
        for (nth, deadline) in deadlines.iter().enumerate() {
            let open = self.open.get(nth).filter(|open| {
                open.from < deadline.before || self.faults.breaks(Fault::OpenTakesBeganBefore)
            });
            let Some(open) = open else {
                // All of them that are due by then: with some, it might be known only later.
                let due = deadlines.partition_point(|other| other.before <= deadline.before);
                return Err(self.too_many(&deadlines[..due]));
            };
            assigned.items[deadline.item as usize].give(*open, self.gaps);
        }
        Ok(assigned)
    }

    /// More must be gone than can have been taken: these, because of what was answered when they had to be.
    fn too_many(&self, deadlines: &[Deadline]) -> Blame {
        let mut ends: Vec<u32> = deadlines.iter().map(|deadline| deadline.before).collect();
        ends.dedup();
        let is_end = |end: u32| ends.binary_search(&end).is_ok();
        let gone = deadlines.iter().map(|deadline| self.items[deadline.item as usize].put);
        let mut ops: Vec<u32> = gone.collect();
        ops.extend(self.items.iter().filter(|item| is_end(item.take_in.to)).map(|item| item.put));
        ops.extend(self.empties.iter().filter(|end| is_end(end.within.to)).map(|empty| empty.op));
        Blame { rule: Rule::Lost, ops }
    }

    /// With the answers that the open takes gave later, if they are known.
    fn as_hinted(&self) -> Option<Self> {
        let mut hints: Vec<(u32, OpenTake)> =
            self.open.iter().filter_map(|open| Some((open.hint?, *open))).collect();
        if hints.is_empty() {
            return None;
        }
        let mut hinted = Self { open: Vec::new(), ..self.clone() };
        hints.sort_unstable_by_key(|(element, _)| *element);
        for item in hinted.items.iter_mut().filter(|item| item.is_loose()) {
            if let Ok(at) = hints.binary_search_by_key(&item.element, |(element, _)| *element) {
                item.give(hints[at].1, self.gaps);
            }
        }
        Some(hinted)
    }

    fn without_loose(&self) -> Self {
        let taken = self.items.iter().filter(|item| !item.is_loose());
        Self { items: taken.copied().collect(), open: Vec::new(), ..self.clone() }
    }

    /// By gap, and one more: the first gap from there on in which nothing must be in the box, `gaps` if there is none.
    /// `counted` says which items are looked at.
    pub(super) fn next_free(&self, counted: impl Fn(&Item) -> bool) -> Vec<u32> {
        let gaps = self.gaps as usize;
        let mut changes = vec![0_i32; gaps + 1];
        for item in self.items.iter().filter(|item| counted(item)) {
            if let Some(presence) = item.presence() {
                changes[presence.from as usize] += 1;
                changes[presence.to as usize] -= 1;
            }
        }
        let mut present = 0;
        for change in &mut changes {
            present += *change;
            *change = present;
        }
        let mut next = vec![self.gaps; gaps + 1];
        for gap in (0..gaps).rev() {
            next[gap] = if changes[gap] == 0 { gap as u32 } else { next[gap + 1] };
        }
        next
    }

    /// For each answer "empty" a gap in which nothing has to be there, in order of gaps.
    ///
    /// Of queues and stacks: in a gap in which no item is present, all can be absent at once, so the answers do not
    /// depend on each other.
    pub(super) fn place_empties(&self) -> Result<Vec<(u32, u32)>, Blame> {
        if self.empties.is_empty() {
            return Ok(Vec::new());
        }
        if self.faults.breaks(Fault::EmptyAtAnyTime) {
            return Ok(self.empties.iter().map(|empty| (empty.within.from, empty.op)).collect());
        }
        let next_free = self.next_free(|_| true);
        let mut placed = Vec::with_capacity(self.empties.len());
        for empty in &self.empties {
            let gap = next_free[empty.within.from as usize];
            if gap >= empty.within.to {
                let presence = |item: &Item| item.presence();
                let mut ops = self.operations(&self.cover(empty.within, presence));
                ops.push(empty.op);
                return Err(Blame { rule: Rule::Lost, ops });
            }
            placed.push((gap, empty.op));
        }
        placed.sort_unstable();
        Ok(placed)
    }

    /// Few items that together are there in all these gaps, as far as there are any; `presence` says when each is.
    pub(super) fn cover(
        &self,
        within: Window,
        mut presence: impl FnMut(&Item) -> Option<Window>,
    ) -> Vec<u32> {
        let there = (0..).zip(&self.items).filter_map(|(at, item)| Some((presence(item)?, at)));
        let mut there: Vec<(Window, u32)> =
            there.filter(|(when, _)| when.from < within.to && within.from < when.to).collect();
        there.sort_unstable_by_key(|(when, at)| (when.from, *at));
        let mut there = there.into_iter().peekable();
        let (mut chosen, mut gap) = (Vec::new(), within.from);
        let mut furthest = (within.from, 0);
        while gap < within.to {
            while let Some((when, at)) = there.next_if(|(when, _)| when.from <= gap) {
                furthest = furthest.max((when.to, at));
            }
            if furthest.0 <= gap {
                break;
            }
            chosen.push(furthest.1);
            gap = furthest.0;
        }
        chosen
    }

    /// The operations of these items.
    pub(super) fn operations(&self, items: &[u32]) -> Vec<u32> {
        let items = items.iter().map(|at| &self.items[*at as usize]);
        items.flat_map(|item| [item.put, item.take]).filter(|op| *op != NO_OP).collect()
    }

    /// By gap, and one more: before which gap an item must be gone that is put in before that gap and is loose, because
    /// of an answer "empty" that cannot come sooner. For queues and stacks.
    pub(super) fn emptied_by(&self) -> Vec<u32> {
        let mut bounds = vec![self.gaps; self.gaps as usize + 1];
        if self.empties.is_empty() {
            return bounds;
        }
        let next_free = self.next_free(|item| !item.is_loose());
        for empty in &self.empties {
            let first = next_free[empty.within.from as usize] as usize;
            bounds[first] = bounds[first].min(empty.within.to);
        }
        suffix_min(&mut bounds);
        bounds
    }
}

impl Item {
    /// Lets an open take have it.
    fn give(&mut self, open: OpenTake, gaps: u32) {
        self.take = open.op;
        self.take_in = Window { from: open.from.max(self.put_in.from), to: gaps };
    }
}

/// Makes each entry the least of itself and those after it.
pub(super) fn suffix_min(entries: &mut [u32]) {
    let mut least = u32::MAX;
    for entry in entries.iter_mut().rev() {
        least = least.min(*entry);
        *entry = least;
    }
}

/// Matches a take with its item.
fn take_out(item: &mut Item, op: u32, within: Window, faults: Faults) -> Result<(), Rule> {
    if !item.is_loose() && !faults.breaks(Fault::TakenTwice) {
        return Err(Rule::Twice);
    }
    if within.to <= item.put_in.from {
        return Err(Rule::FromNowhere);
    }
    item.take = op;
    item.take_in = Window { from: within.from.max(item.put_in.from), to: within.to };
    item.put_in.to = item.put_in.to.min(within.to);
    Ok(())
}

/// The window of each operation, and the number of gaps. Events are numbered anew: others may lie between them.
fn windows(ops: &[Timed<QueueOp>]) -> (Vec<Window>, u32) {
    let mut ends: Vec<u64> = Vec::with_capacity(ops.len());
    for (at, op) in ops.iter().enumerate().filter(|(_, op)| !op.is_crashed()) {
        ends.push(u64::from(op.ret) << 32 | at as u64);
    }
    ends.sort_unstable();
    let gaps = (ops.len() + ends.len()) as u32;
    let mut windows = vec![Window { from: 0, to: gaps }; ops.len()];
    let mut ended = 0;
    for (at, op) in ops.iter().enumerate() {
        while ended < ends.len() && ends[ended] >> 32 < u64::from(op.call) {
            windows[ends[ended] as u32 as usize].to = (at + ended) as u32;
            ended += 1;
        }
        windows[at].from = (at + ended) as u32;
    }
    for (nth, end) in ends.iter().enumerate().skip(ended) {
        windows[*end as u32 as usize].to = (ops.len() + nth) as u32;
    }
    (windows, gaps)
}

/// Sorts what was emitted by gap; what is in one gap stays in order.
pub(super) fn by_gap(emitted: &[(u32, u32)], gaps: u32) -> Vec<u32> {
    let mut starts = vec![0_u32; gaps as usize + 1];
    for (gap, _) in emitted {
        starts[*gap as usize + 1] += 1;
    }
    for gap in 0..gaps as usize {
        starts[gap + 1] += starts[gap];
    }
    let mut order = vec![0; emitted.len()];
    for (gap, op) in emitted {
        let at = &mut starts[*gap as usize];
        order[*at as usize] = *op;
        *at += 1;
    }
    order
}
