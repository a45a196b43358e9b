//! Registers and compare-and-set registers whose values are each written once.
//!
//! # Blocks
//!
//! Where every value has one writer, everything that concerns a value (its writer, its reads) happens between this value
//! and the next. A compare-and-set from `u` to `v` ties the period of `v` to that of `u`, without anything between them.
//! So values form chains, each begun by a blind write (or by the initial value), and a chain is a *block*: in every order,
//! its operations stand together, in the order of their *rank* (writer of the first value, its reads, the compare-and-set
//! to the second value, its reads, ...).
//!
//! A block is described by two positions: `f`, the first completion of any of its operations, and `s`, the last
//! invocation. If `f(a) < s(b)`, some operation of `a` was over before some operation of `b` began, so all of block `a`
//! stands before all of block `b`.
//!
//! # The rules
//!
//! There is an order if and only if
//! 1. every value that is read or expected had been written by then (*from nowhere*);
//! 2. no value is replaced by two compare-and-sets that took effect (*twice*);
//! 3. no operation of a chain completes before one of lower rank is invoked (*rank*);
//! 4. no two blocks have each to come before the other: not both `f(a) < s(b)` and `f(b) < s(a)` (*zones*).
//!
//! Each is necessary by what was said. They suffice: a block with `f < s` must be current throughout `[f, s]` and is placed
//! there, each operation at the latest of `f`, its own invocation and those of lower ranks, which by rule 3 is not after
//! its completion. By rule 4 these spans are disjoint. A block with `s <= f` fits at any one instant of `[s, f]`, as all its
//! operations are open there; by rule 4 that is not inside another block's span as a whole, so an instant is left.
//!
//! # Operations of unknown outcome
//!
//! One that nobody saw can be left out. One whose value was read, or expected by a compare-and-set that took effect, did
//! take effect; it counts with its invocation and has no completion. That is found out backwards from what was seen.
//!
//! # In one pass
//!
//! The rules are checked at each completion, so the first one that makes the history impossible is found as it comes:
//! rules 1 to 3 by looking at the neighbours in the chain. Rule 4: blocks are kept in the order of `f`, that is, as they
//! come. When `s(b)` grows to `i`, only blocks `w` can newly conflict that have `f(w)` between the old `s(b)` and `i`. If
//! `i > f(b)`, these are looked at one by one, from where the last look ended; as the spans `[f, s]` are disjoint, each block
//! is looked at by one other at most, its *cover*. Blocks with `f(w) < f(b)` can conflict only if they are the cover of
//! `b`. So a pass takes linear time.
//!
//! # Forgetting
//!
//! Let `m` be the oldest invocation that is still open. If a block `w` with `f(w) < m` must come after `b`, then whatever
//! still completes in `b` is a violation; so `b` can be forgotten, once `f(b) < m` too (then every block that it could
//! conflict with is also lost). The same within a chain, by rule 3. What is not known any more was written by nobody who
//! could still be seen.
//!
//! # Sources
//!
//! Gibbons, Korach: *Testing shared memories* (SIAM J. Comput. 1997) for reads with a known writer; the zones are those of
//! Golab, Li and Shah (PODC 2011). Chains, unknown outcomes and the single pass are worked out here.

mod forget;
mod order;

#[cfg(test)]
use super::Timed;
use super::{Decision, NEVER, Refutation, Rule};

/// No value, no block, no operation.
const NONE: u32 = u32::MAX;

/// Its chain is being followed.
const VISITED: u32 = u32::MAX - 1;

/// Whatever still completed for it would be a violation.
const LOST: u32 = u32::MAX - 2;

/// What was done to the register. Values are numbers; 0 is the initial value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CellOp {
    /// Answered this value.
    Read(u32),
    /// Left this value.
    Write(u32),
    /// Found the first value and left the second.
    Cas(u32, u32),
}

impl CellOp {
    /// The value that it saw last.
    pub(crate) fn value(self) -> u32 {
        match self {
            Self::Read(value) | Self::Write(value) | Self::Cas(_, value) => value,
        }
    }

    /// The value that it leaves, if it changes it.
    pub(crate) fn leaves(self) -> Option<u32> {
        match self {
            Self::Write(value) => Some(value),
            Self::Cas(from, to) if from != to => Some(to),
            Self::Read(_) | Self::Cas(..) => None,
        }
    }
}

/// A value. Positions are one higher than in the history, so that 0 is before everything.
#[derive(Debug, Clone, Copy)]
struct Cluster {
    /// The operation that writes it, and its invocation; 0 of the initial value.
    writer: u32,
    call: u32,
    /// Number of its block, once an operation that concerns it completed.
    block: u32,
}

/// The place of a value in its chain. Only there if there are compare-and-sets.
#[derive(Debug, Clone, Copy)]
struct Link {
    /// The value that its writer expects, if it is a compare-and-set.
    from: u32,
    /// The value that a compare-and-set put in its place.
    next: u32,
    /// Its first completion, or NEVER, and whose.
    f: u32,
    f_op: u32,
    /// The first completion of a value further on in the chain, and whose.
    limit: u32,
    limit_op: u32,
    /// How many compare-and-sets that may yet take effect expect it.
    expected: u32,
}

impl Link {
    const NONE: Self = Self {
        from: NONE,
        next: NONE,
        f: NEVER,
        f_op: NONE,
        limit: NEVER,
        limit_op: NONE,
        expected: 0,
    };
}

/// See the module's doc.
#[derive(Debug, Clone, Copy)]
struct Block {
    f: u32,
    s: u32,
    /// Its first value.
    root: u32,
    /// The first block that was not yet looked at.
    scan: u32,
    /// The block whose span holds `f`.
    cover: u32,
    f_op: u32,
    s_op: u32,
}

/// What is wrong, in terms of operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conflict {
    pub(crate) rule: Rule,
    /// A few operations that contradict each other.
    pub(crate) ops: Vec<u32>,
}

/// The state of the pass.
#[derive(Debug)]
pub(crate) struct Machine {
    clusters: Vec<Cluster>,
    /// By value; empty as long as there is no compare-and-set.
    links: Vec<Link>,
    /// In order of `f`; the first has number `forgotten`.
    blocks: Vec<Block>,
    /// How many blocks were forgotten.
    forgotten: u32,
    path: Vec<u32>,
    #[cfg(test)]
    sabotage: Option<Sabotage>,
}

/// Known-wrong variants of the rules. Each must be caught by the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// Rule 1 is not looked at.
    Nowhere,
    /// Rule 2 is not looked at.
    Twice,
    /// Rule 3 is not looked at.
    Rank,
    /// Rule 4 is not looked at where a block follows another.
    Zones,
    /// Rule 4 is not looked at where a block lies inside another.
    Cover,
    /// The invocation of a writer that did not complete is not counted.
    PendingWriters,
}

impl Machine {
    /// For so many values, of which 0 is there from the start.
    pub(crate) fn new(values: usize) -> Self {
        let unwritten = Cluster { writer: NONE, call: NEVER, block: NONE };
        let mut clusters = vec![unwritten; values.max(1)];
        clusters[0] = Cluster { call: 0, block: 0, ..unwritten };
        let initial = Block { f: 0, s: 0, root: 0, scan: 1, cover: NONE, f_op: NONE, s_op: NONE };
        Self {
            clusters,
            links: Vec::new(),
            blocks: vec![initial],
            forgotten: 0,
            path: Vec::new(),
            #[cfg(test)]
            sabotage: None,
        }
    }

    /// An operation that may write a value is invoked. False if the value has a writer already.
    #[inline]
    pub(crate) fn invoke(&mut self, op: u32, call: u32, what: CellOp) -> bool {
        let Some(value) = what.leaves() else { return true };
        let cluster = &mut self.clusters[value as usize];
        if cluster.call != NEVER {
            return false;
        }
        (cluster.writer, cluster.call) = (op, call + 1);
        if let CellOp::Cas(from, _) = what {
            self.link(value, from);
        }
        true
    }

    /// If this is a write, it is the writer of its value. `Err` if that has one already.
    #[inline]
    fn note_writer(&mut self, index: u32, slot: Slot) -> Result<(), &'static str> {
        // Which it is follows no pattern, so both are done without a branch.
        let reads = slot.is_read();
        let cluster = &mut self.clusters[slot.value() as usize];
        let twice = cluster.call != NEVER;
        cluster.writer = if reads { cluster.writer } else { index };
        cluster.call = if reads { cluster.call } else { slot.call + 1 };
        if twice && !reads { Err(TWICE) } else { Ok(()) }
    }

    fn link(&mut self, value: u32, from: u32) {
        if self.links.is_empty() {
            self.links = vec![Link::NONE; self.clusters.len()];
            // The initial value completed before everything, unless it is forgotten and its number is another's.
            if self.clusters[0].call == 0 {
                self.links[0].f = 0;
            }
        }
        self.links[value as usize].from = from;
        self.links[from as usize].expected += 1;
    }

    fn from(&self, value: u32) -> u32 {
        self.links.get(value as usize).map_or(NONE, |link| link.from)
    }

    fn next(&self, value: u32) -> u32 {
        self.links.get(value as usize).map_or(NONE, |link| link.next)
    }

    /// An operation on this value (that it saw or left) took effect and completes.
    #[inline]
    pub(crate) fn complete(
        &mut self,
        op: u32,
        call: u32,
        ret: u32,
        value: u32,
    ) -> Result<(), Conflict> {
        let (call, ret) = (call + 1, ret + 1);
        let Cluster { writer, call: written, block } = self.clusters[value as usize];
        if block == NONE {
            if !self.links.is_empty() || written > ret {
                return self.begin(op, call, ret, value);
            }
            // A chain of one value.
            let counts = written > call && !self.breaks(Sabotage::PendingWriters);
            let latest = if counts { (written, writer) } else { (call, op) };
            self.clusters[value as usize].block = self.open_block(value, op, latest, ret);
            return Ok(());
        }
        if let Some(link) = self.links.get(value as usize) {
            if call > link.limit && !self.breaks(Sabotage::Rank) {
                return Err(self.rank(value, op, link.limit_op));
            }
            if link.f == NEVER {
                self.first_completion(value, op, ret);
            }
        }
        self.extend(block, op, call)
    }

    /// The first completion that concerns a value: follows the chain back to what is known.
    fn begin(&mut self, op: u32, call: u32, ret: u32, value: u32) -> Result<(), Conflict> {
        self.path.clear();
        let mut at = value;
        let mut latest = (call, op);
        while self.clusters[at as usize].block == NONE {
            let cluster = &mut self.clusters[at as usize];
            let written = cluster.call;
            cluster.block = VISITED;
            let writer = cluster.writer;
            self.path.push(at);
            // Nobody writes it, or only later: seen from nowhere.
            if written > ret && !self.breaks(Sabotage::Nowhere) {
                return Err(self.nowhere(op, ret));
            }
            let counts = written != NEVER && !self.breaks(Sabotage::PendingWriters);
            if written > latest.0 && counts {
                latest = (written, writer);
            }
            let from = self.from(at);
            if from == NONE {
                break;
            }
            if self.next(from) != NONE && !self.breaks(Sabotage::Twice) {
                return Err(self.twice(op, from));
            }
            self.links[from as usize].next = at;
            at = from;
        }
        let mut block = self.clusters[at as usize].block;
        if block == LOST {
            return Err(lost(op));
        }
        if block == VISITED && self.from(at) != NONE {
            // A chain that bites its tail: no value of it was ever written without another.
            return Err(self.nowhere(op, ret));
        }
        if block == VISITED {
            block = self.open_block(at, op, latest, ret);
        }
        for at in &self.path {
            self.clusters[*at as usize].block = block;
        }
        self.first_completion(value, op, ret);
        self.extend(block, latest.1, latest.0)
    }

    fn open_block(&mut self, root: u32, op: u32, latest: (u32, u32), ret: u32) -> u32 {
        let number = self.forgotten + self.blocks.len() as u32;
        let (s, s_op) = latest;
        let scan = number + 1;
        self.blocks.push(Block { f: ret, s, root, scan, cover: NONE, f_op: op, s_op });
        number
    }

    /// Notes the first completion of a value, for all values before it in the chain.
    fn first_completion(&mut self, value: u32, op: u32, ret: u32) {
        let Some(link) = self.links.get_mut(value as usize) else { return };
        (link.f, link.f_op) = (ret, op);
        let mut at = link.from;
        while at != NONE && self.links[at as usize].limit == NEVER {
            let link = &mut self.links[at as usize];
            (link.limit, link.limit_op) = (ret, op);
            at = link.from;
        }
    }

    fn block(&self, number: u32) -> Option<&Block> {
        self.blocks.get(number.checked_sub(self.forgotten)? as usize)
    }

    fn block_mut(&mut self, number: u32) -> Option<&mut Block> {
        self.blocks.get_mut(number.checked_sub(self.forgotten)? as usize)
    }

    /// An operation that was invoked at `call` belongs to the block.
    fn extend(&mut self, number: u32, op: u32, call: u32) -> Result<(), Conflict> {
        let Some(block) = self.block_mut(number) else { return Err(lost(op)) };
        if call <= block.s {
            return Ok(());
        }
        (block.s, block.s_op) = (call, op);
        let (f, cover, mut scan) = (block.f, block.cover, block.scan);
        // A cover that was forgotten began before anything that still completes.
        let covered = cover != NONE && self.block(cover).is_none_or(|cover| cover.f < call);
        if covered && !self.breaks(Sabotage::Cover) {
            return Err(self.zones(number, cover));
        }
        if call < f || self.breaks(Sabotage::Zones) {
            return Ok(());
        }
        while let Some(other) = self.block_mut(scan).filter(|other| other.f < call) {
            if other.s > f {
                return Err(self.zones(number, self.newest_conflict(number, scan)));
            }
            other.cover = number;
            scan += 1;
        }
        if let Some(block) = self.block_mut(number) {
            block.scan = scan;
        }
        Ok(())
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

    /// `op` rests on the values of the path, the last of which nobody can have written.
    fn nowhere(&self, op: u32, ret: u32) -> Conflict {
        let mut ops = vec![op];
        let clusters = self.path.iter().map(|value| &self.clusters[*value as usize]);
        ops.extend(clusters.filter(|cluster| cluster.call < ret).map(|cluster| cluster.writer));
        Conflict { rule: Rule::FromNowhere, ops: tidy(ops) }
    }

    /// Two compare-and-sets replaced `from`: the one on the path, and the one before.
    fn twice(&self, op: u32, from: u32) -> Conflict {
        let before = self.next(from);
        let mut ops = vec![op, self.clusters[before as usize].writer];
        ops.extend(self.path.iter().map(|value| self.clusters[*value as usize].writer));
        ops.push(self.witness(before));
        self.chain_to(from, &mut ops);
        Conflict { rule: Rule::Twice, ops: tidy(ops) }
    }

    /// `op` concerns `value`, and began after `other`, further on in the chain, had completed.
    fn rank(&self, value: u32, op: u32, other: u32) -> Conflict {
        let mut ops = vec![op, other];
        self.chain_to(value, &mut ops);
        let limit = self.links[value as usize].limit;
        // On to the value that the other one concerns.
        let mut at = self.next(value);
        while at != NONE {
            ops.push(self.clusters[at as usize].writer);
            let reached = self.links[at as usize].f == limit;
            at = if reached { NONE } else { self.next(at) };
        }
        Conflict { rule: Rule::Rank, ops: tidy(ops) }
    }

    /// Of the blocks from `first` on that conflict with this one the last: the plainest to tell of.
    fn newest_conflict(&self, number: u32, first: u32) -> u32 {
        let Some(block) = self.block(number) else { return first };
        let numbers = (first..).map_while(|other| Some((other, self.block(other)?)));
        let later = numbers.take_while(|(_, other)| other.f < block.s);
        let last = later.filter(|(_, other)| other.s > block.f).last();
        last.map_or(first, |(other, _)| other)
    }

    fn zones(&self, one: u32, other: u32) -> Conflict {
        let mut ops = Vec::new();
        for number in [one, other] {
            let Some(block) = self.block(number) else { continue };
            ops.extend([block.f_op, block.s_op]);
            // All writers of the chain: what links the two operations, and what they stand on.
            let mut at = block.root;
            while at != NONE && self.clusters[at as usize].block == number {
                let writer = self.clusters[at as usize].writer;
                ops.push(writer);
                if writer == block.s_op {
                    ops.push(self.witness(at));
                }
                at = self.next(at);
            }
        }
        Conflict { rule: Rule::Zones, ops: tidy(ops) }
    }

    /// The writers of `value` and of those before it in its chain.
    fn chain_to(&self, value: u32, ops: &mut Vec<u32>) {
        let mut at = value;
        // A chain that bites its tail has no more values than there are.
        for _ in 0..self.clusters.len() {
            if at == NONE {
                break;
            }
            ops.push(self.clusters[at as usize].writer);
            at = self.from(at);
        }
    }

    /// An operation that completed and proves that the value was there.
    fn witness(&self, value: u32) -> u32 {
        match self.links.get(value as usize) {
            Some(link) if link.f == NEVER => link.limit_op,
            Some(link) => link.f_op,
            None => {
                self.block(self.clusters[value as usize].block).map_or(NONE, |block| block.f_op)
            }
        }
    }
}

/// What it concerns was forgotten, because whatever still completed for it would be a violation.
fn lost(op: u32) -> Conflict {
    Conflict { rule: Rule::Zones, ops: vec![op] }
}

/// Each operation once, in order; the initial value has no writer.
fn tidy(mut ops: Vec<u32>) -> Vec<u32> {
    ops.sort_unstable();
    ops.dedup();
    ops.retain(|op| *op != NONE);
    ops
}

/// Decides the history of one register. Operations are put in one after another, in the order of their invocation.
#[derive(Debug)]
pub(crate) struct Pass {
    machine: Machine,
    slots: Vec<Slot>,
    /// By value: the read of it that completed last.
    last_read: Vec<u32>,
}

/// What the pass keeps of an operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    call: u32,
    /// Its completion; of a read that the pass has seen complete, the read of the same value that completed next, or of
    /// the last one the first.
    ret: u32,
    /// Twice the value that it saw or left, one more if it saw it; [`NONE`] if it says nothing.
    what: u32,
}

impl Slot {
    /// An operation that says nothing.
    pub(crate) const NOTHING: Self = Self { call: 0, ret: NEVER, what: NONE };

    /// A completed read of this value (`reads`), or an operation that leaves it.
    pub(crate) fn new(reads: bool, value: u32, call: u32, ret: u32) -> Self {
        Self { call, ret, what: value << 1 | u32::from(reads) }
    }

    fn value(self) -> u32 {
        self.what >> 1
    }

    fn is_read(self) -> bool {
        self.what & 1 == 1
    }

    fn next_read(self) -> u32 {
        self.ret
    }
}

/// Numbers of values are below this, so that [`Slot::what`] has room for them.
const VALUES_MAX: u32 = 1 << 31;

const TOO_MANY: &str = "there are too many values";

const TWICE: &str = "a value is written twice";

impl Pass {
    /// With room for so many operations and values.
    pub(crate) fn new(operations: usize, values: usize) -> Self {
        Self::of(Machine::new(values), operations)
    }

    fn of(machine: Machine, operations: usize) -> Self {
        Self { machine, slots: Vec::with_capacity(operations), last_read: Vec::new() }
    }

    /// All operations at once, and what compare-and-sets among them expected, if there are any. `Err` says why the
    /// decider does not apply.
    pub(crate) fn of_slots(
        slots: &[Slot],
        froms: Option<&[u32]>,
        values: usize,
    ) -> Result<Self, &'static str> {
        if values >= VALUES_MAX as usize {
            return Err(TOO_MANY);
        }
        let mut machine = Machine::new(values);
        for (index, slot) in (0..).zip(slots).filter(|(_, slot)| slot.what != NONE) {
            let from = froms.map_or(NONE, |froms| froms[index as usize]);
            if from == NONE {
                machine.note_writer(index, *slot)?;
            } else if !machine.invoke(index, slot.call, CellOp::Cas(from, slot.value())) {
                return Err(TWICE);
            }
        }
        Ok(Self { machine, slots: slots.to_vec(), last_read: Vec::new() })
    }

    /// The next operation says nothing.
    pub(crate) fn put_nothing(&mut self) {
        self.slots.push(Slot::NOTHING);
    }

    /// The next operation is a completed read of this value (`reads`), or a write of it. `Err` says why the decider does
    /// not apply.
    #[inline]
    pub(crate) fn put(
        &mut self,
        reads: bool,
        value: u32,
        call: u32,
        ret: u32,
    ) -> Result<(), &'static str> {
        self.make_room(value)?;
        let index = self.slots.len() as u32;
        let slot = Slot::new(reads, value, call, ret);
        self.slots.push(slot);
        self.machine.note_writer(index, slot)
    }

    /// The next operation is a compare-and-set, with effect if it completed.
    pub(crate) fn put_cas(
        &mut self,
        (from, to): (u32, u32),
        call: u32,
        ret: u32,
    ) -> Result<(), &'static str> {
        self.make_room(from.max(to))?;
        let index = self.slots.len() as u32;
        self.slots.push(Slot::new(false, to, call, ret));
        if self.machine.invoke(index, call, CellOp::Cas(from, to)) { Ok(()) } else { Err(TWICE) }
    }

    #[inline]
    fn make_room(&mut self, value: u32) -> Result<(), &'static str> {
        let known = self.machine.clusters.len() as u32;
        if value < known {
            return Ok(());
        }
        if value >= VALUES_MAX {
            return Err(TOO_MANY);
        }
        for _ in known..=value {
            self.machine.add_value();
        }
        Ok(())
    }

    /// Decides. `completions` are the completed operations in the order of their completion. If no order is asked for, that
    /// of a linearizable history is empty.
    pub(crate) fn decide(mut self, completions: &[u32], ordered: bool) -> Decision {
        let values = self.machine.clusters.len();
        self.last_read = vec![NONE; if ordered { values } else { 0 }];
        // There are no more blocks than that. Room at once, as to grow is to ask for new pages each time.
        self.machine.blocks.reserve(values.min(completions.len()));
        for index in completions {
            let slot = self.slots[*index as usize];
            if slot.what == NONE {
                continue;
            }
            let done = self.machine.complete(*index, slot.call, slot.ret, slot.value());
            if let Err(Conflict { rule, ops }) = done {
                let completion = slot.ret;
                return Decision::NotLinearizable(Refutation { completion, ops, rule });
            }
            if ordered && slot.is_read() {
                self.note_read(*index, slot.value());
            }
        }
        Decision::Linearizable(if ordered { order::order(&self) } else { Vec::new() })
    }

    fn note_read(&mut self, index: u32, value: u32) {
        let last = std::mem::replace(&mut self.last_read[value as usize], index);
        let first = match self.slots.get_mut(last as usize) {
            Some(last) => std::mem::replace(&mut last.ret, index),
            None => index,
        };
        self.slots[index as usize].ret = first;
    }
}

/// Decides what is in a slice. `values` is how many values there are.
#[cfg(test)]
fn run(machine: Machine, ops: &[Timed<CellOp>], completions: &[u32]) -> Decision {
    let mut pass = Pass::of(machine, ops.len());
    let put = ops.iter().try_for_each(|op| match op.op {
        CellOp::Read(value) => pass.put(true, value, op.call, op.ret),
        CellOp::Write(value) => pass.put(false, value, op.call, op.ret),
        CellOp::Cas(from, to) => pass.put_cas((from, to), op.call, op.ret),
    });
    put.map_or_else(Decision::Inapplicable, |()| pass.decide(completions, true))
}

#[cfg(test)]
mod tests;
