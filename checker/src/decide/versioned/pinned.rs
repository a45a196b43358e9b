//! The order that revisions give, and whether everything fits into it.

use super::{ABSENT, Clash, Op, Timed, When, fault};
use crate::decide::{NEVER, Rule};
use gaps::NONE;

mod gaps;
mod mend;
mod places;
mod stock;

/// What became of the attempt.
pub(super) enum Found {
    /// This order explains every answer.
    Order(Vec<u32>),
    /// No order does.
    Clash(Clash),
    /// An operation of unknown outcome might mend what is wrong, in more than one way.
    Unclear(&'static str),
}

/// Why there is no order to give.
enum Flaw {
    Clash(Clash),
    Unclear(&'static str),
    /// Something that nobody saw might mend it.
    Doubt,
}

fn clash(rule: Rule, ops: &[u32]) -> Flaw {
    Flaw::Clash(Clash { rule, ops: ops.to_vec() })
}

/// What an entry is, in the order in which entries of one base come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// A change of this revision.
    Change,
    /// A get of what this revision wrote, anywhere in its period.
    Loose,
    /// A get of what this revision wrote, when the store stood where it says.
    Get,
    /// A get that found nothing when the store stood here.
    Nothing,
}

/// An operation with its place: entries that differ only in the operation may come in any order that real time allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    base: i64,
    kind: Kind,
    store: i64,
    op: u32,
}

/// Decides what was known at event `horizon`.
pub(super) fn examine<const FAULT: u8>(ops: &[Timed<Op>], horizon: u32) -> Found {
    let begun = ops.partition_point(|op| op.call < horizon);
    let mut view = View::<FAULT> {
        ops: &ops[..begun],
        horizon,
        entries: Vec::with_capacity(begun),
        nothings: Vec::new(),
        writes: Vec::new(),
        deletes: 0,
        attributed: Vec::new(),
    };
    match view.order() {
        Ok(order) => Found::Order(order),
        Err(Flaw::Clash(clash)) => Found::Clash(view.with_witnesses(clash)),
        Err(Flaw::Unclear(reason)) => Found::Unclear(reason),
        Err(Flaw::Doubt) => Found::Unclear("what nobody saw is in doubt"),
    }
}

struct View<'a, const FAULT: u8> {
    ops: &'a [Timed<Op>],
    horizon: u32,
    entries: Vec<Entry>,
    /// Gets that found nothing and do not say where the store stood.
    nothings: Vec<u32>,
    /// Writes of unknown outcome that have no place.
    writes: Vec<u32>,
    /// How many deletes of unknown outcome there are.
    deletes: u32,
    /// Writes of unknown outcome that have a place, and the gets that gave it to them.
    attributed: Vec<[u32; 2]>,
}

impl<'a, const FAULT: u8> View<'a, FAULT> {
    /// The order in which nothing happened that nobody saw; or else one in which something did.
    fn order(&mut self) -> Result<Vec<u32>, Flaw> {
        match self.order_of_seen() {
            Err(Flaw::Doubt) => self.mended(),
            found => found,
        }
    }

    fn order_of_seen(&mut self) -> Result<Vec<u32>, Flaw> {
        for op in 0..self.ops.len() as u32 {
            self.enter(op)?;
        }
        self.entries.sort_unstable();
        let wanted = self.unexplained()?;
        if !wanted.is_empty() {
            self.attribute(wanted)?;
            self.entries.sort_unstable();
        }
        self.check_conditions()?;
        self.place()
    }

    /// The completion of an operation, if it is known.
    fn ret(&self, op: u32) -> u32 {
        let ret = self.ops[op as usize].ret;
        if ret <= self.horizon { ret } else { NEVER }
    }

    fn ret_or_never(&self, op: u32) -> u32 {
        if op == NONE { NEVER } else { self.ret(op) }
    }

    fn enter(&mut self, op: u32) -> Result<(), Flaw> {
        let known = self.ret(op) != NEVER;
        match self.ops[op as usize].op {
            Op::Put { .. } if !known => self.writes.push(op),
            Op::Delete { .. } if !known => self.deletes += 1,
            Op::Get { .. } if !known => {}
            Op::Put { revision: None, .. } | Op::Delete { revision: None, .. } => {
                return Err(Flaw::Unclear("a change does not tell its revision"));
            }
            Op::Delete { revision: Some(0), store }
            | Op::Get { value: ABSENT, modified: 0, store } => self.enter_nothing(op, store)?,
            Op::Put { revision: Some(base), .. } | Op::Delete { revision: Some(base), .. } => {
                if base <= 0 {
                    return Err(clash(Rule::FromNowhere, &[op]));
                }
                self.entries.push(Entry { base, kind: Kind::Change, store: 0, op });
            }
            Op::Get { value, modified, store } => {
                let possible = value != ABSENT && modified > 0;
                if !possible || store.is_some_and(|store| store < modified) {
                    return Err(clash(Rule::FromNowhere, &[op]));
                }
                let store = store.filter(|_| FAULT != fault::NO_STORE);
                let kind = if store.is_some() { Kind::Get } else { Kind::Loose };
                let store = store.unwrap_or(0);
                self.entries.push(Entry { base: modified, kind, store, op });
            }
        }
        Ok(())
    }

    fn enter_nothing(&mut self, op: u32, store: Option<i64>) -> Result<(), Flaw> {
        match store.filter(|_| FAULT != fault::NO_STORE) {
            Some(store) if store < 0 => return Err(clash(Rule::FromNowhere, &[op])),
            Some(base) => self.entries.push(Entry { base, kind: Kind::Nothing, store: 0, op }),
            None => self.nothings.push(op),
        }
        Ok(())
    }

    /// What a change leaves.
    fn left_by(&self, op: u32) -> u32 {
        match self.ops[op as usize].op {
            Op::Put { value, .. } => value,
            Op::Get { .. } | Op::Delete { .. } => ABSENT,
        }
    }

    /// The gets of revisions that no completed change has, one of each.
    fn unexplained(&self) -> Result<Vec<Entry>, Flaw> {
        let mut wanted: Vec<Entry> = Vec::new();
        // The first entry of the base that tells what it left.
        let mut first: Option<(i64, u32, u32)> = None;
        for entry in self.entries.iter().filter(|entry| entry.kind != Kind::Nothing) {
            let Entry { base, kind, op, .. } = *entry;
            let tells = match self.ops[op as usize].op {
                Op::Get { value, .. } => value,
                Op::Put { .. } | Op::Delete { .. } => self.left_by(op),
            };
            match first.filter(|(other, ..)| *other == base) {
                Some((.., other)) if kind == Kind::Change => {
                    return Err(clash(Rule::Twice, &[other, op]));
                }
                Some((_, left, other)) if left != tells => {
                    return Err(clash(Rule::Incompatible, &[other, op]));
                }
                Some(_) => {}
                None => {
                    first = Some((base, tells, op));
                    wanted.extend((kind != Kind::Change).then_some(*entry));
                }
            }
        }
        Ok(wanted)
    }

    /// Finds the changes of unknown outcome that wrote what was seen.
    fn attribute(&mut self, mut wanted: Vec<Entry>) -> Result<(), Flaw> {
        let known: &'a [Timed<Op>] = self.ops;
        let value = |entry: &Entry| match known[entry.op as usize].op {
            Op::Get { value, .. } => value,
            Op::Put { .. } | Op::Delete { .. } => ABSENT,
        };
        wanted.sort_by_key(|entry| (value(entry), entry.base));
        let mut writes = std::mem::take(&mut self.writes);
        writes.sort_by_key(|op| self.left_by(*op));
        let mut rest = &writes[..];
        for group in wanted.chunk_by(|one, other| value(one) == value(other)) {
            let wrote = value(&group[0]);
            let before = rest.partition_point(|op| self.left_by(*op) < wrote);
            self.writes.extend(&rest[..before]);
            rest = &rest[before..];
            let (choice, others) =
                rest.split_at(rest.partition_point(|op| self.left_by(*op) == wrote));
            rest = others;
            self.attribute_value(group, choice)?;
        }
        self.writes.extend(rest);
        Ok(())
    }

    /// Of one value: the revisions at which it was seen, in their order, and the writes of it by invocation.
    fn attribute_value(&mut self, group: &[Entry], choice: &[u32]) -> Result<(), Flaw> {
        if choice.len() < group.len() {
            let rule = if choice.is_empty() { Rule::FromNowhere } else { Rule::Twice };
            let seen = group[..=choice.len()].iter().map(|entry| entry.op);
            let ops: Vec<u32> = seen.chain(choice.iter().copied()).collect();
            return Err(clash(rule, &ops));
        }
        let blind =
            |op: &u32| matches!(self.ops[*op as usize].op, Op::Put { when: When::Always, .. });
        if choice.len() > 1 && !choice.iter().all(blind) {
            return Err(Flaw::Doubt);
        }
        let (chosen, left_over) = if FAULT == fault::LAST_FIRST {
            let (left_over, chosen) = choice.split_at(choice.len() - group.len());
            (chosen, left_over)
        } else {
            choice.split_at(group.len())
        };
        self.writes.extend(left_over);
        for (entry, op) in group.iter().zip(chosen) {
            let base = entry.base;
            self.entries.push(Entry { base, kind: Kind::Change, store: 0, op: *op });
            self.attributed.push([*op, entry.op]);
        }
        Ok(())
    }

    /// Adds what gave the writes of unknown outcome among the operations their places.
    fn with_witnesses(&self, mut clash: Clash) -> Clash {
        let crashed = clash.ops.iter().filter(|op| self.ret(**op) == NEVER);
        let values: Vec<u32> = crashed.map(|op| self.left_by(*op)).collect();
        for [write, get] in &self.attributed {
            if values.contains(&self.left_by(*write)) {
                clash.ops.extend([*write, *get]);
            }
        }
        clash
    }

    /// Whether each change found what it had to find, and each get with a place is in the right period.
    fn check_conditions(&self) -> Result<(), Flaw> {
        // The last change, and the get of the greatest store revision since.
        let mut last: Option<Entry> = None;
        let mut latest: Option<Entry> = None;
        for entry in &self.entries {
            match entry.kind {
                Kind::Change => {
                    if let Some(late) = latest.filter(|late| late.store >= entry.base) {
                        return Err(clash(Rule::Rank, &[entry.op, late.op]));
                    }
                    self.check_change(last, entry)?;
                    last = Some(*entry);
                    latest = None;
                }
                Kind::Get => latest = Some(*entry),
                Kind::Nothing => self.check_absent(last, entry)?,
                Kind::Loose => {}
            }
        }
        Ok(())
    }

    fn check_change(&self, last: Option<Entry>, entry: &Entry) -> Result<(), Flaw> {
        let found = last.map_or(ABSENT, |last| self.left_by(last.op));
        let modified = last.filter(|_| found != ABSENT).map_or(0, |last| last.base);
        let fits = match self.ops[entry.op as usize].op {
            Op::Put { when: When::Always, .. } | Op::Get { .. } => true,
            Op::Put { when: When::Value(from), .. } => from == found,
            Op::Put { when: When::Modified(from), .. } => from == modified,
            Op::Delete { .. } => found != ABSENT,
        };
        if fits || FAULT == fault::NO_CONDITIONS {
            return Ok(());
        }
        // Something that nobody saw may have come between.
        let room = last.map_or(0, |last| last.base) < entry.base - 1;
        let wrote = |value: u32| self.writes.iter().any(|op| self.left_by(*op) == value);
        let mended = match self.ops[entry.op as usize].op {
            Op::Put { when: When::Value(ABSENT) | When::Modified(0), .. } => self.deletes > 0,
            Op::Put { when: When::Value(from), .. } => wrote(from),
            Op::Put { .. } | Op::Delete { .. } | Op::Get { .. } => !self.writes.is_empty(),
        };
        if room && mended && FAULT != fault::NO_DOUBT {
            return Err(Flaw::Doubt);
        }
        let mut ops: Vec<u32> = last.iter().map(|last| last.op).chain([entry.op]).collect();
        // What might have come between but for its own place.
        let elsewhere =
            self.attributed.iter().filter(|[write, _]| match self.ops[entry.op as usize].op {
                Op::Put { when: When::Value(from), .. } => self.left_by(*write) == from,
                Op::Put { .. } | Op::Delete { .. } | Op::Get { .. } => true,
            });
        ops.extend(elsewhere.filter(|_| room).flatten());
        Err(clash(Rule::Incompatible, &ops))
    }

    fn check_absent(&self, last: Option<Entry>, entry: &Entry) -> Result<(), Flaw> {
        match last.filter(|last| self.left_by(last.op) != ABSENT) {
            None => Ok(()),
            Some(last)
                if self.deletes > 0 && entry.base > last.base && FAULT != fault::NO_DOUBT =>
            {
                Err(Flaw::Doubt)
            }
            Some(last) => Err(clash(Rule::Lost, &[last.op, entry.op])),
        }
    }
}
