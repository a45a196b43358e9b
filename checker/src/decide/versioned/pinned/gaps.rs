//! Where there is room for changes that nobody saw, and what they would have to do there.
//!
//! What has a revision stands in its place, and divides the order into *gaps*. A gap begins with what is there and the
//! revisions that are taken; it ends with the next change, seen or told, or with a moment at which the key was surely
//! absent. All gets of a revision come before the gap behind it: what nobody saw comes after all that was seen.

use super::super::{ABSENT, Op, When};
use super::{Entry, Flaw, Kind, View, clash};
use crate::decide::{NEVER, Rule};

/// No operation.
pub(super) const NONE: u32 = u32::MAX;

/// A value that no get told.
const UNTOLD: u32 = u32::MAX;

/// What must be there at the end of a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Anything.
    Nothing,
    /// What was there at its beginning, with its revision.
    Same,
    /// This value; or nothing, [`ABSENT`].
    Value(u32),
    /// Any value.
    Present,
    /// The gap ends with a write of unknown outcome, of this value if that is known.
    Write(Option<u32>),
}

/// What is there, and of which revision; [`ABSENT`] and 0 if there is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) value: u32,
    pub(super) modified: i64,
}

impl Held {
    pub(super) const NOTHING: Self = Self { value: ABSENT, modified: 0 };
}

/// A place for changes that nobody saw.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap {
    /// What is there at first.
    pub(super) held: Held,
    /// The last revision that is taken.
    pub(super) low: i64,
    /// How many are free. If the gap ends with a write, that one has a revision of its own.
    pub(super) room: i64,
    pub(super) need: Need,
    /// The revision of the write with which it ends.
    pub(super) high: i64,
    /// The operations that it begins and ends with, or [`NONE`].
    pub(super) ends: [u32; 2],
    /// Of all that has a place: the operation in front of the gap that was invoked last, and the one behind it that
    /// completes first.
    pub(super) latest: u32,
    pub(super) first: u32,
}

/// Builds the gaps one after the other.
struct Builder<'v, 'a, const FAULT: u8> {
    view: &'v View<'a, FAULT>,
    gaps: Vec<Gap>,
    /// By entry: of it and those behind, the operation that completes first.
    first: Vec<u32>,
    held: Held,
    low: i64,
    /// The operation that told what is there.
    last: u32,
    /// The operations that were invoked last: of all in front, and of the gets of this period that may be anywhere in it.
    latest: u32,
    loose: u32,
}

impl<const FAULT: u8> View<'_, FAULT> {
    /// The gaps, in order; or what contradicts itself whatever else happened.
    pub(super) fn gaps(&self) -> Result<Vec<Gap>, Flaw> {
        let mut first = vec![NONE; self.entries.len() + 1];
        for (at, entry) in self.entries.iter().enumerate().rev() {
            let behind = first[at + 1];
            let sooner = behind == NONE || self.ret(entry.op) < self.ret(behind);
            first[at] = if sooner { entry.op } else { behind };
        }
        let mut builder = Builder {
            view: self,
            gaps: Vec::new(),
            first,
            held: Held::NOTHING,
            low: 0,
            last: NONE,
            latest: NONE,
            loose: NONE,
        };
        let guessed = self.guessed()?;
        let mut guessed = guessed.into_iter().peekable();
        for (at, entry) in self.entries.iter().enumerate() {
            // What is told of a revision comes in front of what must have been absent at it.
            let bound =
                entry.base + i64::from(entry.kind == Kind::Nothing && entry.base < i64::MAX);
            while let Some((revision, op)) = guessed.next_if(|(revision, _)| *revision < bound) {
                builder.merge_loose();
                builder.end(at, Need::Write(None), revision, op)?;
                builder.begin(Held { value: UNTOLD, modified: revision }, revision, op);
            }
            builder.enter(at, entry)?;
        }
        builder.merge_loose();
        builder.gap(self.entries.len(), Need::Nothing, i64::MAX - builder.low, NONE);
        Ok(builder.gaps)
    }

    /// Revisions that nobody saw but a compare-and-set that found them, and that.
    fn guessed(&self) -> Result<Vec<(i64, u32)>, Flaw> {
        let mut guessed: Vec<(i64, u32)> = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.kind == Kind::Change) {
            let Op::Put { when: When::Modified(from @ 1..), .. } = self.ops[entry.op as usize].op
            else {
                continue;
            };
            if from >= entry.base {
                return Err(clash(Rule::FromNowhere, &[entry.op]));
            }
            let at = self.entries.partition_point(|other| other.base < from);
            let rest = self.entries[at..].iter().take_while(|other| other.base == from);
            if rest.into_iter().all(|other| other.kind == Kind::Nothing) {
                guessed.push((from, entry.op));
            }
        }
        guessed.sort_unstable();
        if let Some(pair) = guessed.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(clash(Rule::Twice, &[pair[0].1, pair[1].1]));
        }
        Ok(guessed)
    }
}

impl<const FAULT: u8> Builder<'_, '_, FAULT> {
    fn enter(&mut self, at: usize, entry: &Entry) -> Result<(), Flaw> {
        let Entry { base, kind, store, op } = *entry;
        match (kind, self.view.ops[op as usize].op) {
            (Kind::Nothing, _) => {
                self.merge_loose();
                self.check_time(op)?;
                if self.held.value != ABSENT && base <= self.low {
                    return Err(clash(Rule::Lost, &[self.last, op]));
                }
                let room = base.saturating_sub(self.low);
                self.gap(at, Need::Value(ABSENT), room, op);
                self.begin(Held::NOTHING, base.max(self.low), op);
                self.latest = self.later(self.latest, op);
            }
            (Kind::Change, did) => {
                self.merge_loose();
                self.check_time(op)?;
                let (need, left) = match did {
                    Op::Put { when, value, .. } => {
                        (self.need(when, op)?, Held { value, modified: base })
                    }
                    Op::Get { .. } | Op::Delete { .. } => (Need::Present, Held::NOTHING),
                };
                self.end(at, need, base, op)?;
                self.begin(left, base, op);
                self.latest = self.later(self.latest, op);
            }
            (Kind::Get | Kind::Loose, did) => {
                if self.held.modified != base {
                    let Op::Get { value, .. } = did else { return Ok(()) };
                    self.merge_loose();
                    self.end(at, Need::Write(Some(value)), base, op)?;
                    self.begin(Held { value, modified: base }, base, op);
                }
                self.check_time(op)?;
                if kind == Kind::Loose {
                    self.loose = self.later(self.loose, op);
                } else {
                    if store > self.low {
                        (self.low, self.last) = (store, op);
                    }
                    self.latest = self.later(self.latest, op);
                }
            }
        }
        Ok(())
    }

    /// What a change needs to find.
    fn need(&self, when: When, op: u32) -> Result<Need, Flaw> {
        match when {
            When::Always => Ok(Need::Nothing),
            When::Value(from) => Ok(Need::Value(from)),
            When::Modified(0) => Ok(Need::Value(ABSENT)),
            When::Modified(from) if from == self.held.modified => Ok(Need::Same),
            When::Modified(_) => {
                let ops: Vec<u32> = [self.last, op].into_iter().filter(|op| *op != NONE).collect();
                Err(clash(Rule::Incompatible, &ops))
            }
        }
    }

    /// Ends a gap with a change of this revision.
    fn end(&mut self, at: usize, need: Need, revision: i64, op: u32) -> Result<(), Flaw> {
        if revision <= self.low {
            let ops: Vec<u32> = [self.last, op].into_iter().filter(|op| *op != NONE).collect();
            return Err(clash(Rule::Rank, &ops));
        }
        self.gap(at, need, revision - self.low - 1, op);
        Ok(())
    }

    fn gap(&mut self, at: usize, need: Need, room: i64, op: u32) {
        let Self { held, low, last, latest, .. } = *self;
        // Only where a write ends it is the revision behind the free ones told.
        let high = low.saturating_add(room).saturating_add(1);
        let (ends, first) = ([last, op], self.first[at]);
        self.gaps.push(Gap { held, low, room, need, high, ends, latest, first });
    }

    fn begin(&mut self, held: Held, low: i64, op: u32) {
        (self.held, self.low, self.last) = (held, low, op);
    }

    fn later(&self, one: u32, other: u32) -> u32 {
        if one == NONE || other != NONE && self.call(one) < self.call(other) { other } else { one }
    }

    fn call(&self, op: u32) -> u32 {
        self.view.ops[op as usize].call
    }

    /// A period is over.
    fn merge_loose(&mut self) {
        let loose = std::mem::replace(&mut self.loose, NONE);
        if loose != NONE {
            self.latest = self.later(self.latest, loose);
        }
    }

    /// What has a place must not have completed before something in front of it began.
    fn check_time(&self, op: u32) -> Result<(), Flaw> {
        let ret = self.view.ret(op);
        if self.latest == NONE || ret == NEVER || self.call(self.latest) < ret {
            return Ok(());
        }
        Err(clash(Rule::Rank, &[self.latest, op]))
    }
}
