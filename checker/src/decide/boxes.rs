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

mod refute;
#[cfg(test)]
mod tests;
mod unpainted;

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
    pub(super) faults: Faults,
}

/// What can be said about a history, or its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Yes(Vec<u32>),
    No(Rule),
    Unsure,
}

/// Which element of a box may be taken.
pub(super) trait Discipline {
    /// An order of the operations, where no take is open; exact. If there is none: the rule that is broken.
    fn arrange(&self, contents: &Contents) -> Result<Vec<u32>, Rule>;

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
    match answer(ops, &mut table, discipline) {
        Answer::Yes(order) => Decision::Linearizable(order),
        Answer::No(_) => refute::refute(ops, &mut table, discipline),
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
) -> Answer {
    let contents = match Contents::gather(ops, table, discipline.faults()) {
        Ok(contents) => contents,
        Err(rule) => return Answer::No(rule),
    };
    if contents.open.is_empty() || !contents.items.iter().any(Item::is_loose) {
        return discipline.arrange(&contents).map_or_else(Answer::No, Answer::Yes);
    }
    let mut deadlines = discipline.deadlines(&contents);
    deadlines.sort_unstable();
    let Some(assigned) = contents.assign(&deadlines) else { return Answer::No(Rule::Lost) };
    if let Ok(order) = discipline.arrange(&assigned) {
        return Answer::Yes(order);
    }
    if let Ok(order) = discipline.arrange(&contents.as_hinted()) {
        return Answer::Yes(order);
    }
    match discipline.arrange(&contents.without_loose()) {
        Ok(_) => Answer::Unsure,
        Err(rule) => Answer::No(rule),
    }
}

impl Contents {
    /// Matches puts with takes. An error where that alone is impossible.
    fn gather(ops: &[Timed<QueueOp>], table: &mut Table, faults: Faults) -> Result<Self, Rule> {
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
    ) -> Result<(), Rule> {
        for (at, op) in ops.iter().enumerate() {
            let QueueOp::Take(answer) = op.op else { continue };
            let (number, within) = (at as u32, windows[at]);
            if op.is_crashed() {
                if !self.faults.breaks(Fault::OpenTakesIdle) {
                    self.open.push(OpenTake { op: number, from: within.from, hint: answer });
                }
            } else if let Some(element) = answer {
                let item = self.items.get_mut(item_of[element as usize] as usize);
                take_out(item.ok_or(Rule::FromNowhere)?, number, within, self.faults)?;
            } else {
                self.empties.push(Empty { op: number, within });
            }
        }
        Ok(())
    }

    /// Gives open takes to the items with deadlines; `None` if there are too few.
    fn assign(&self, deadlines: &[Deadline]) -> Option<Self> {
        let mut assigned = Self { open: Vec::new(), ..self.clone() };
        for (nth, deadline) in deadlines.iter().enumerate() {
            let open = self.open.get(nth)?;
            if open.from >= deadline.before && !self.faults.breaks(Fault::OpenTakesBeganBefore) {
                return None;
            }
            assigned.items[deadline.item as usize].give(*open, self.gaps);
        }
        Some(assigned)
    }

    /// With the answers that the open takes gave later.
    fn as_hinted(&self) -> Self {
        let mut hinted = Self { open: Vec::new(), ..self.clone() };
        let mut hints: Vec<(u32, OpenTake)> =
            self.open.iter().filter_map(|open| Some((open.hint?, *open))).collect();
        hints.sort_unstable_by_key(|(element, _)| *element);
        for item in hinted.items.iter_mut().filter(|item| item.is_loose()) {
            if let Ok(at) = hints.binary_search_by_key(&item.element, |(element, _)| *element) {
                item.give(hints[at].1, self.gaps);
            }
        }
        hinted
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
    pub(super) fn place_empties(&self) -> Result<Vec<(u32, u32)>, Rule> {
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
                return Err(Rule::Lost);
            }
            placed.push((gap, empty.op));
        }
        placed.sort_unstable();
        Ok(placed)
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
