//! What operations of unknown outcome have done that nobody saw.
//!
//! # What is looked for
//!
//! In each gap ([`super::gaps`]) some of them may have acted, one after the other, so that what is needed at its end is
//! there: its *way*. Changes that no way needs are left out: nobody saw them, and without them there is only more room,
//! for revisions need not be without holes, as other keys change the store too. A way needs no more than this:
//!
//! * nothing, where what is needed is there. Else one change, if one will do;
//! * else a change that can act on what is there, and compare-and-sets that each find what the one before left. A put or a
//!   delete comes only first: it makes whatever came before it needless. No value comes twice;
//! * a delete in front of that, so that a get finds nothing which does not say when. Not where the gap ends with what
//!   found the revision at its beginning.
//!
//! # When the ways are chosen
//!
//! What is left is polynomial. Each get that found nothing goes to the earliest moment at which nothing is there and behind
//! which everything completes later than it begins: later ones are no better for it, and limit more changes, as everything
//! in front of it must have been invoked before it completed. Then each change of a way is a slot, with a limit, and
//! slots are given changes: a matching ([`super::stock`]).
//!
//! # Choosing
//!
//! The simplest ways first, that is one change or none. Two things can be wrong, and each says what would have to be
//! different:
//!
//! * A get finds nothing at no moment of its span: one of the gaps in its span needs a way with a delete.
//! * Some slots are too many for all changes that they accept: one of their gaps needs another way, or one of the gets
//!   that limit them has to be earlier, at a moment that a delete must make.
//!
//! These are tried one after the other, the ones with least changes first. If none helps, what does not concern the
//! contradiction is not tried again (Prosser, *Hybrid algorithms for the constraint satisfaction problem*, 1993). Where
//! a contradiction concerns nothing that was chosen, there is no order.
//!
//! Only so much of that is done. It cannot be polynomial: with compare-and-sets by value as the edges of a graph, two gaps
//! ask for two paths that share no edge (Fortune, Hopcroft and Wyllie, *The directed subgraph homeomorphism problem*, 1980).

use std::collections::{BTreeMap, BTreeSet};

use super::super::{ABSENT, When, fault};
use super::gaps::{Gap, Held, NONE, Need};
use super::stock::{Accept, Class, Slot, Stock};
use super::{Clash, Entry, Flaw, Kind, View};
use crate::decide::{NEVER, Rule};

mod ways;

use ways::Way;

/// Steps that are done at most, and those for each gap and get.
const WORK_MAX: usize = 1 << 22;
const WORK_MAX_EACH: usize = 1 << 7;
/// Ways to choose from at most.
const OPTIONS_MAX: usize = 1 << 12;

const UNCLEAR: &str = "operations of unknown outcome may have done too many things that nobody saw";

/// Why the ways that were chosen will not do.
struct Conflict {
    /// One of these would have to be chosen.
    options: Vec<(u32, Way)>,
    /// Or one of these gaps would have to have another way than was chosen for it.
    blame: BTreeSet<u32>,
}

/// A choice that was made.
struct Level {
    options: std::vec::IntoIter<(u32, Way)>,
    gap: u32,
    blame: BTreeSet<u32>,
}

struct Mend<'v, 'a, const FAULT: u8> {
    view: &'v View<'a, FAULT>,
    gaps: Vec<Gap>,
    stock: Stock,
    /// Revisions that changes of unknown outcome found and that nobody told.
    stray: Vec<i64>,
    /// Gets that found nothing, by completion.
    nothings: Vec<u32>,
    chosen: BTreeMap<u32, Way>,
    levels: Vec<Level>,
    work: usize,
    work_max: usize,
    /// Not everything that might help is tried.
    is_partial: bool,
    /// The operations of all contradictions.
    involved: BTreeSet<u32>,
}

impl<const FAULT: u8> View<'_, FAULT> {
    /// The order, with what nobody saw.
    pub(super) fn mended(&mut self) -> Result<Vec<u32>, Flaw> {
        self.attributed.clear();
        let entries = std::mem::take(&mut self.entries);
        self.entries = entries.into_iter().filter(|entry| self.ret(entry.op) != NEVER).collect();
        let hidden = self.hidden()?;
        self.entries.extend(hidden);
        self.entries.sort_unstable();
        match self.check_conditions().and_then(|()| self.place()) {
            Ok(order) => Ok(order),
            Err(flaw) if FAULT != fault::NONE => Err(flaw),
            Err(_) => {
                debug_assert!(false, "what was mended is right: {:?}", self.ops);
                Err(Flaw::Unclear(UNCLEAR))
            }
        }
    }

    /// The changes that nobody saw, in their places.
    fn hidden(&self) -> Result<Vec<Entry>, Flaw> {
        let gaps = self.gaps()?;
        let unknown = (0..self.ops.len() as u32).filter(|op| self.ret(*op) == NEVER);
        let stock = Stock::new(self.ops, unknown);
        let mut stray: Vec<i64> = stock.classes.iter().filter_map(Class::found).collect();
        stray.sort_unstable();
        let mut nothings = self.nothings.clone();
        nothings.sort_unstable_by_key(|op| self.ret(*op));
        let work_max = WORK_MAX + WORK_MAX_EACH * (gaps.len() + nothings.len());
        let mut mend = Mend {
            view: self,
            gaps,
            stock,
            stray,
            nothings,
            chosen: BTreeMap::new(),
            levels: Vec::new(),
            work: 0,
            work_max,
            is_partial: false,
            involved: BTreeSet::new(),
        };
        mend.check_deletes()?;
        mend.search()
    }
}

impl<const FAULT: u8> Mend<'_, '_, FAULT> {
    fn search(&mut self) -> Result<Vec<Entry>, Flaw> {
        loop {
            match self.attempt() {
                Ok(hidden) => return Ok(hidden),
                Err(Conflict { options, blame }) => {
                    let options = options.into_iter();
                    self.levels.push(Level { options, gap: NONE, blame });
                }
            }
            if !self.choose_next() {
                break;
            }
            if self.work > self.work_max {
                return Err(Flaw::Unclear(UNCLEAR));
            }
        }
        if self.is_partial || self.work > self.work_max {
            return Err(Flaw::Unclear(UNCLEAR));
        }
        Err(self.exhausted())
    }

    fn exhausted(&self) -> Flaw {
        let ops = self.involved.iter().copied().filter(|op| *op != NONE).collect();
        Flaw::Clash(Clash { rule: Rule::Exhausted, ops })
    }

    /// Whether there are deletes enough for all gets that found nothing, if each way may have one for nothing.
    ///
    /// Those that ask for one that was not there before have spans that share no gap, and the last possible gap of each is
    /// where one does most. So there are at least as many at it and in front of it, and all of them were
    /// invoked before the get completed.
    fn check_deletes(&mut self) -> Result<(), Flaw> {
        let deletes = self.stock.accepted(self.delete());
        let mut calls: Vec<u32> = deletes.map(|op| self.call(op)).collect();
        calls.sort_unstable();
        let (mut used, mut last, mut next, mut able) = (0, NONE, 0, NONE);
        let mut waiting = 0;
        for at in 0..self.nothings.len() {
            let op = self.nothings[at];
            let ret = self.view.ret(op);
            while next < self.gaps.len() as u32 && self.is_early(next, ret) {
                let Gap { held, need, .. } = self.gaps[next as usize];
                if self.is_absent(next) {
                    last = next;
                    waiting += usize::from(held != Held::NOTHING);
                } else if need != Need::Same && self.room(next) > 0 {
                    (able, used, waiting) = (next, used + waiting, 0);
                }
                next += 1;
            }
            let first = self.earliest(self.call(op));
            if last != NONE && last >= first {
                continue;
            }
            self.uncovered_edges(op, first..next);
            used += 1;
            let limit = if able == NONE { 0 } else { ret.min(self.limit(able)) };
            let enough = calls.get(used - 1).is_some_and(|call| *call < limit);
            if able == NONE || able < first || !enough {
                self.involved.extend(self.stock.accepted(self.delete()));
                return Err(self.exhausted());
            }
            last = able;
        }
        self.involved.clear();
        Ok(())
    }

    /// What keeps a get in its span.
    fn uncovered_edges(&mut self, op: u32, span: std::ops::Range<u32>) {
        self.involved.insert(op);
        for gap in [span.start.wrapping_sub(1), span.end] {
            self.involve(gap);
        }
        for gap in span {
            self.involve(gap);
        }
    }

    /// Tries the next of what the last contradictions leave to be tried; false if that is nothing.
    fn choose_next(&mut self) -> bool {
        while let Some(level) = self.levels.last_mut() {
            self.chosen.remove(&level.gap);
            if let Some((gap, way)) = level.options.next() {
                level.gap = gap;
                self.chosen.insert(gap, way);
                return true;
            }
            let blame = self.levels.pop().map(|level| level.blame).unwrap_or_default();
            while let Some(level) = self.levels.last_mut() {
                if blame.contains(&level.gap) {
                    level.blame.extend(blame.iter().copied().filter(|gap| *gap != level.gap));
                    break;
                }
                self.chosen.remove(&level.gap);
                self.levels.pop();
            }
        }
        false
    }

    /// Tries the ways that are chosen, and the simplest of the other gaps.
    fn attempt(&mut self) -> Result<Vec<Entry>, Conflict> {
        self.work += self.gaps.len() + self.nothings.len();
        self.cover()?;
        let bounds = self.bounds();
        let slots = self.slots(&bounds);
        match self.stock.assign::<FAULT>(&slots, &mut self.work, self.work_max) {
            Ok(given) => Ok(self.entries(&slots, &given)),
            Err(crowd) => Err(self.crowded(&slots, &crowd)),
        }
    }

    /// Whether nothing is there at some moment in a gap: before everything else in it, or after a delete.
    fn is_absent(&self, gap: u32) -> bool {
        let Gap { held, need, .. } = self.gaps[gap as usize];
        held == Held::NOTHING
            || need == Need::Value(ABSENT)
            || self.chosen.get(&gap).is_some_and(|way| way.deletes)
    }

    fn call(&self, op: u32) -> u32 {
        self.view.ops[op as usize].call
    }

    /// Before when everything in the gap has to be.
    fn limit(&self, gap: u32) -> u32 {
        self.view.ret_or_never(self.gaps[gap as usize].first)
    }

    /// Whether a get that completes then can be in a gap, by what is in front of it.
    fn is_early(&self, gap: u32, ret: u32) -> bool {
        let latest = self.gaps[gap as usize].latest;
        latest == NONE || self.call(latest) < ret
    }

    /// The first gap behind which everything completes later than this.
    fn earliest(&self, call: u32) -> u32 {
        self.gaps.partition_point(|gap| self.view.ret_or_never(gap.first) < call) as u32
    }

    /// Chooses deletes so that each get that found nothing does so at a moment of its span.
    fn cover(&mut self) -> Result<(), Conflict> {
        // The last gap with such a moment that is early enough, and the first that is not.
        let (mut last, mut next) = (NONE, 0);
        for at in 0..self.nothings.len() {
            let op = self.nothings[at];
            let ret = self.view.ret(op);
            while next < self.gaps.len() as u32 && self.is_early(next, ret) {
                if self.is_absent(next) {
                    last = next;
                }
                next += 1;
            }
            let first = self.earliest(self.call(op));
            if last != NONE && last >= first {
                continue;
            }
            let conflict = self.uncovered(op, first..next);
            if conflict.options.is_empty() || self.work > self.work_max {
                return Err(conflict);
            }
            let Conflict { options, blame } = conflict;
            self.levels.push(Level { options: options.into_iter(), gap: NONE, blame });
            self.choose_next();
            last = self.levels.last().map_or(NONE, |level| level.gap);
        }
        Ok(())
    }

    /// A get has to find nothing in one of these gaps.
    fn uncovered(&mut self, op: u32, span: std::ops::Range<u32>) -> Conflict {
        self.uncovered_edges(op, span.clone());
        let mut blame = BTreeSet::new();
        let mut options = Vec::new();
        self.offer_deletes(span, &mut options, &mut blame);
        self.sorted(options, blame)
    }

    fn sorted(&mut self, mut options: Vec<(u32, Way)>, blame: BTreeSet<u32>) -> Conflict {
        options.sort_by_key(|(gap, way)| (way.accepts.len(), std::cmp::Reverse(*gap)));
        if options.len() > OPTIONS_MAX {
            options.truncate(OPTIONS_MAX);
            self.is_partial = true;
        }
        Conflict { options, blame }
    }

    fn offer_deletes(
        &mut self,
        span: std::ops::Range<u32>,
        options: &mut Vec<(u32, Way)>,
        blame: &mut BTreeSet<u32>,
    ) {
        for gap in span {
            self.involve(gap);
            self.work += 1;
            if self.chosen.contains_key(&gap) {
                blame.insert(gap);
            } else if !self.is_absent(gap) && options.len() <= OPTIONS_MAX {
                let ways = self.ways(gap, true);
                options.extend(ways.into_iter().map(|way| (gap, way)));
            }
        }
    }

    /// What is around a gap contributes to a contradiction.
    fn involve(&mut self, gap: u32) {
        if let Some(Gap { ends, latest, first, .. }) = self.gaps.get(gap as usize) {
            self.involved.extend(ends.iter().chain([latest, first]));
        }
    }

    /// By gap with a moment at which nothing is there: the get of those at it or later that completes first, or [`NONE`].
    fn bounds(&self) -> Vec<u32> {
        let mut bounds = vec![NONE; self.gaps.len() + 1];
        let mut by_call = self.view.nothings.clone();
        by_call.sort_unstable();
        let mut gap = 0;
        for op in by_call {
            gap = self.earliest_absent(gap.max(self.earliest(self.call(op))));
            if self.view.ret(op) < self.view.ret_or_never(bounds[gap as usize]) {
                bounds[gap as usize] = op;
            }
        }
        for gap in (0..self.gaps.len()).rev() {
            let behind = bounds[gap + 1];
            if self.view.ret_or_never(behind) < self.view.ret_or_never(bounds[gap]) {
                bounds[gap] = behind;
            }
        }
        bounds
    }

    fn earliest_absent(&self, from: u32) -> u32 {
        let mut gap = from;
        while (gap as usize) < self.gaps.len() && !self.is_absent(gap) {
            gap += 1;
        }
        gap
    }

    /// Everything that has to be done.
    fn slots(&self, bounds: &[u32]) -> Vec<Slot> {
        let mut slots = Vec::new();
        for (gap, (at, bounds)) in (0..).zip(self.gaps.iter().zip(bounds.windows(2))) {
            let mut add = |accept, bound: u32| {
                let ret = self.view.ret_or_never(bound);
                let fixed = self.limit(gap);
                let counts = ret < fixed && FAULT != fault::FREE_CHANGES;
                let (limit, bound) = if counts { (ret, bound) } else { (fixed, NONE) };
                slots.push(Slot { gap, accept, limit, bound });
            };
            match self.chosen.get(&gap) {
                None => {
                    // A delete that has to be there makes a moment as well.
                    let deletes = at.need == Need::Value(ABSENT);
                    if let Some(accept) = self.simplest(gap) {
                        add(accept, bounds[usize::from(!deletes)]);
                    }
                }
                Some(way) => {
                    for (hop, accept) in way.accepts.iter().enumerate() {
                        add(*accept, bounds[usize::from(hop > 0 || !way.deletes)]);
                    }
                }
            }
        }
        slots
    }

    /// These slots are too many for what they accept.
    fn crowded(&mut self, slots: &[Slot], crowd: &[u32]) -> Conflict {
        let (mut options, mut blame) = (Vec::new(), BTreeSet::new());
        let gaps: BTreeSet<u32> = crowd.iter().map(|slot| slots[*slot as usize].gap).collect();
        let bounds: BTreeSet<u32> = crowd.iter().map(|slot| slots[*slot as usize].bound).collect();
        for gap in gaps {
            self.involve(gap);
            if self.chosen.contains_key(&gap) {
                blame.insert(gap);
                continue;
            }
            let mut ways = self.ways(gap, false);
            // The others need a delete and no less than some way without it.
            let rest = self.ways(gap, true);
            ways.extend(rest.into_iter().filter(|way| self.stock.fills(way)));
            options.extend(ways.into_iter().map(|way| (gap, way)));
        }
        for op in bounds.into_iter().filter(|op| *op != NONE) {
            self.involved.insert(op);
            let first = self.earliest(self.call(op));
            let last = self.earliest_absent(first);
            self.offer_deletes(first..last, &mut options, &mut blame);
            if self.chosen.contains_key(&last) {
                blame.insert(last);
            }
        }
        let accepted =
            crowd.iter().flat_map(|slot| self.stock.accepted(slots[*slot as usize].accept));
        self.involved.extend(accepted);
        self.sorted(options, blame)
    }

    /// The changes that were given to the slots, each with a revision.
    fn entries(&self, slots: &[Slot], given: &[u32]) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::with_capacity(slots.len());
        let given = given.iter().map(|change| self.stock.ops[*change as usize]);
        let mut hop = 0;
        let mut before = NONE;
        for (at, (slot, op)) in slots.iter().zip(given).enumerate() {
            hop = if slot.gap == before { hop + 1 } else { 1 };
            before = slot.gap;
            let gap = &self.gaps[slot.gap as usize];
            let is_last = slots.get(at + 1).is_none_or(|next| next.gap != slot.gap);
            let ends = is_last && matches!(gap.need, Need::Write(_));
            let base = if ends { gap.high } else { gap.low.saturating_add(hop) };
            entries.push(Entry { base, kind: Kind::Change, store: 0, op });
        }
        entries
    }
}

impl Stock {
    /// Whether what comes behind the delete of a way may be what needs that nothing is there.
    fn fills(&self, way: &Way) -> bool {
        match way.accepts.get(1) {
            Some(Accept::Any(_)) => true,
            Some(Accept::Classes(classes)) => {
                let mut classes =
                    classes.iter().filter_map(|class| self.classes.get(*class as usize));
                classes.any(|class| matches!(class.when, When::Value(ABSENT) | When::Modified(0)))
            }
            None => false,
        }
    }
}
