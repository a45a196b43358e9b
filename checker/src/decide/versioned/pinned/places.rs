//! Whether real time allows the order, and where in it the gets go that may be in several places.
//!
//! Entries of one place, gets that saw the same, are put in order of invocation, which real time always allows. A get
//! without a place of its own goes to a *position*: position `i` is right after the first `i` entries. It may be between
//! entries of one place: of any order, all gets from the first of these to the last can be put in order of invocation.

use super::super::fault;
use super::gaps::NONE;
use super::{ABSENT, Entry, Flaw, Kind, View, clash};
use crate::decide::{NEVER, Rule};

/// Which operations bound what goes between the entries.
struct Bounds {
    /// By position: the operation in front of it that was invoked last, and the one behind it that completes first.
    latest_call: Vec<u32>,
    first_ret: Vec<u32>,
    /// By position: the next one at which the key is absent, or [`NONE`].
    next_absent: Vec<u32>,
}

/// A get without a place of its own.
struct Floating {
    op: u32,
    /// The first and the last position of its period; `None` if it found nothing.
    period: Option<[u32; 2]>,
}

impl<const FAULT: u8> View<'_, FAULT> {
    /// The order, if real time allows one.
    pub(super) fn place(&self) -> Result<Vec<u32>, Flaw> {
        let (fixed, mut floating) = self.separate();
        let bounds = self.bounds(&fixed);
        self.check_time(&fixed, &bounds)?;
        floating.extend(self.nothings.iter().map(|op| Floating { op: *op, period: None }));
        floating.sort_unstable_by_key(|floating| floating.op);
        let positions = self.positions(&floating, &bounds)?;
        Ok(merged(&fixed, &floating, &positions))
    }

    /// The entries with one place, and those of gets anywhere in their period.
    fn separate(&self) -> (Vec<Entry>, Vec<Floating>) {
        let mut fixed: Vec<Entry> = Vec::with_capacity(self.entries.len());
        let mut floating: Vec<Floating> = Vec::new();
        // Those of the period that is not over yet.
        let mut open = 0;
        for entry in &self.entries {
            if entry.kind == Kind::Loose {
                floating.push(Floating { op: entry.op, period: Some([fixed.len() as u32, NONE]) });
                continue;
            }
            if entry.kind == Kind::Change {
                close(&mut floating[open..], fixed.len() as u32);
                open = floating.len();
            }
            fixed.push(*entry);
        }
        close(&mut floating[open..], fixed.len() as u32);
        (fixed, floating)
    }

    fn bounds(&self, fixed: &[Entry]) -> Bounds {
        let count = fixed.len();
        let mut latest_call = Vec::with_capacity(count + 1);
        let mut latest = NONE;
        for entry in fixed {
            latest_call.push(latest);
            if latest == NONE || self.call(latest) < self.call(entry.op) {
                latest = entry.op;
            }
        }
        latest_call.push(latest);
        let mut first_ret = vec![NONE; count + 1];
        let mut next_absent = vec![NONE; count + 1];
        for (at, entry) in fixed.iter().enumerate().rev() {
            let behind = first_ret[at + 1];
            let sooner = self.ret(entry.op) <= self.ret_or_never(behind);
            first_ret[at] = if sooner { entry.op } else { behind };
        }
        let mut next = NONE;
        for position in (0..=count).rev() {
            let last = position.checked_sub(1).map(|at| fixed[at]);
            // A get with a place does not change what is there.
            let absent = match last {
                None | Some(Entry { kind: Kind::Nothing, .. }) => true,
                Some(Entry { kind: Kind::Change, op, .. }) => self.left_by(op) == ABSENT,
                Some(_) => false,
            };
            if absent {
                next = position as u32;
            }
            next_absent[position] = next;
        }
        Bounds { latest_call, first_ret, next_absent }
    }

    fn call(&self, op: u32) -> u32 {
        self.ops[op as usize].call
    }

    /// No entry may have completed before something in front of it began. Of several contradictions
    /// the one is given that was known first.
    fn check_time(&self, fixed: &[Entry], entries: &Bounds) -> Result<(), Flaw> {
        let mut earliest: Option<(u32, [u32; 2])> = None;
        for (entry, before) in fixed.iter().zip(&entries.latest_call) {
            let in_time = *before == NONE || self.ret(entry.op) > self.call(*before);
            if in_time || FAULT == fault::NO_TIME {
                continue;
            }
            let known = [entry.op, *before].map(|op| self.ret(op));
            let at = known.into_iter().filter(|ret| *ret != NEVER).max().unwrap_or(NEVER);
            if earliest.is_none_or(|(first, _)| at < first) {
                earliest = Some((at, [*before, entry.op]));
            }
        }
        match earliest {
            None => Ok(()),
            Some((_, ops)) => Err(clash(Rule::Rank, &ops)),
        }
    }

    /// The earliest possible positions, in order of invocation.
    fn positions(&self, floating: &[Floating], entries: &Bounds) -> Result<Vec<u32>, Flaw> {
        let mut by_ret: Vec<u64> = (0_u64..)
            .zip(floating)
            .map(|(at, floating)| u64::from(self.ret(floating.op)) << 32 | at)
            .collect();
        by_ret.sort_unstable();
        let mut ended = by_ret.into_iter().map(|key| ((key >> 32) as u32, key as u32 as usize));
        let mut next = ended.next();
        let mut positions: Vec<u32> = Vec::with_capacity(floating.len());
        // The position of the gets that had completed, and the one that has it.
        let mut after = (0, NONE);
        let mut least = 0;
        // By get: the operation and the get that its place has to be after.
        let mut causes: Vec<[u32; 2]> = Vec::with_capacity(floating.len());
        for Floating { op, period } in floating {
            let call = self.call(*op);
            while let Some((_, at)) = next.filter(|(ret, _)| *ret < call) {
                if positions[at] >= after.0 && FAULT != fault::SINGLE_GETS {
                    after = (positions[at], at as u32);
                }
                next = ended.next();
            }
            while self.ret_or_never(entries.first_ret[least as usize]) < call {
                least += 1;
            }
            let bounds = if FAULT == fault::EARLY_GETS { [0, after.0] } else { [least, after.0] };
            match self.position(*op, *period, bounds, entries) {
                Ok(position) => positions.push(position),
                Err(against) => {
                    let certain = self.deletes == 0 || FAULT == fault::NO_DOUBT;
                    let alone = || self.position(*op, *period, [least, 0], entries).is_ok();
                    if !certain && (period.is_none() || alone()) {
                        return Err(Flaw::Doubt);
                    }
                    let mut ops = vec![*op];
                    ops.extend([against, cause(entries, bounds)].iter().filter(|op| **op != NONE));
                    // The gets before it matter only if it has a position without them.
                    let mut link = if alone() { after.1 } else { NONE };
                    while let Some(floating) = floating.get(link as usize) {
                        ops.push(floating.op);
                        let [fixed, next] = causes[link as usize];
                        ops.extend(Some(fixed).filter(|op| *op != NONE));
                        link = next;
                    }
                    return Err(clash(Rule::Rank, &ops));
                }
            }
            causes.push([cause(entries, bounds), after.1]);
        }
        Ok(positions)
    }

    /// The earliest position of a get that its bounds allow, or what is in the way.
    fn position(
        &self,
        op: u32,
        period: Option<[u32; 2]>,
        [least, after]: [u32; 2],
        entries: &Bounds,
    ) -> Result<u32, u32> {
        let bound = least.max(after);
        let position = match period {
            Some([start, _]) => start.max(bound),
            None => entries.next_absent[bound as usize],
        };
        let end = period.map_or(position, |[_, end]| end);
        if position > end || position == NONE {
            // What it has to come after.
            return Err(entries.first_ret.get(end as usize).copied().unwrap_or(NONE));
        }
        let before = entries.latest_call[position as usize];
        let late = before != NONE && self.ret(op) < self.call(before);
        if late && FAULT != fault::NO_TIME { Err(before) } else { Ok(position) }
    }
}

/// The operation that completed first of those behind the position in front of the first one allowed.
fn cause(entries: &Bounds, [least, _]: [u32; 2]) -> u32 {
    least.checked_sub(1).map_or(NONE, |at| entries.first_ret[at as usize])
}

/// Ends the period of these.
fn close(floating: &mut [Floating], end: u32) {
    for floating in floating {
        floating.period = floating.period.map(|[start, _]| [start, end]);
    }
}

/// The entries with what goes between them, that by invocation.
fn merged(fixed: &[Entry], floating: &[Floating], positions: &[u32]) -> Vec<u32> {
    let mut by_position: Vec<u32> = (0..floating.len() as u32).collect();
    by_position.sort_by_key(|at| positions[*at as usize]);
    let mut between = by_position.into_iter().peekable();
    let mut order = Vec::with_capacity(fixed.len() + floating.len());
    for position in 0..=fixed.len() {
        while let Some(at) = between.next_if(|at| positions[*at as usize] == position as u32) {
            order.push(floating[at as usize].op);
        }
        order.extend(fixed.get(position).map(|entry| entry.op));
    }
    order
}
