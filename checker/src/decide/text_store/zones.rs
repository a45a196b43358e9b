//! The zones of chains, in a history of which the first events are known.

use super::super::lists::NONE;
use super::super::{NEVER, Rule, Timed};
use super::parse::Parsed;
use super::{Broken, Sabotage, TextOp};

/// A rule that is broken, and by whom.
pub(super) type Fault = (Rule, Vec<u32>);

/// A history as known after event `last`. The gets that completed until then have been taken apart.
pub(super) struct Known<'a> {
    ops: &'a [Timed<TextOp<'a>>],
    parsed: &'a Parsed<'a>,
    last: u32,
    /// By update: the gets that answered the text that it left.
    gets: Vec<Gets>,
    broken: Broken,
}

/// The gets that answered one text.
#[derive(Debug, Clone, Copy)]
struct Gets {
    /// Whether some get saw the update.
    seen: bool,
    ret: u32,
    ret_op: u32,
    call: u32,
    call_op: u32,
}

impl Gets {
    const NONE: Self = Self { seen: false, ret: NEVER, ret_op: NONE, call: 0, call_op: NONE };
}

/// The first completion and the last invocation in a chain.
#[derive(Debug, Clone, Copy)]
struct Zone {
    root: u32,
    /// -1: the start.
    first: i64,
    first_op: u32,
    last: i64,
    last_op: u32,
    /// A get that saw the whole chain, if it is more than one operation.
    witness: u32,
}

impl Zone {
    fn is_forward(&self) -> bool {
        self.first < self.last
    }

    fn ops(&self) -> impl Iterator<Item = u32> {
        [self.first_op, self.last_op, self.witness].into_iter().filter(|op| *op != NONE)
    }
}

impl<'a> Known<'a> {
    pub(super) fn new(
        ops: &'a [Timed<TextOp<'a>>],
        parsed: &'a Parsed<'a>,
        last: u32,
        broken: Broken,
    ) -> Self {
        let mut gets = vec![Gets::NONE; ops.len() + 1];
        for (at, op) in (0..).zip(ops) {
            if !matches!(op.op, TextOp::Get(_)) || op.ret > last {
                continue;
            }
            let of = &mut gets[parsed.seen[at as usize] as usize];
            if op.ret < of.ret {
                (of.ret, of.ret_op) = (op.ret, at);
            }
            if op.call >= of.call {
                (of.call, of.call_op) = (op.call, at);
            }
            let mut update = parsed.seen[at as usize];
            while update != NONE && !gets[update as usize].seen {
                gets[update as usize].seen = true;
                update = parsed.before[update as usize];
            }
        }
        Self { ops, parsed, last, gets, broken }
    }

    /// Whether these events are possible.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let (mut forward, backward) = self.zones()?;
        forward.sort_unstable_by_key(|zone| zone.first);
        let fault = |one: &Zone, other: &Zone| {
            Err((Rule::Zones, one.ops().chain(other.ops()).collect::<Vec<u32>>()))
        };
        for pair in forward.windows(2) {
            if pair[0].last > pair[1].first && !self.broken.is(Sabotage::Overlaps) {
                return fault(&pair[0], &pair[1]);
            }
        }
        for zone in &backward {
            if let Some(around) = begun_before(&forward, zone.last)
                && around.last > zone.first
                && !self.broken.is(Sabotage::Inside)
            {
                return fault(around, zone);
            }
        }
        Ok(())
    }

    /// An order of events that are possible.
    pub(super) fn order(&self) -> Vec<u32> {
        let Ok((mut forward, backward)) = self.zones() else { return Vec::new() };
        forward.sort_unstable_by_key(|zone| zone.first);
        let moment = |zone: &Zone| match begun_before(&forward, zone.last) {
            Some(around) => zone.last.max(around.last),
            None => zone.last,
        };
        let mut chains: Vec<(i64, u32)> =
            backward.iter().map(|zone| (moment(zone), zone.root)).collect();
        chains.extend(forward.iter().map(|zone| (zone.first, zone.root)));
        chains.sort_unstable();
        let (first_get, next_get) = self.gets_in_order();
        let mut order = Vec::with_capacity(self.ops.len());
        for (_, root) in chains {
            let mut update = root;
            loop {
                order.extend((update != self.start()).then_some(update));
                let mut get = first_get[update as usize];
                while get != NONE {
                    order.push(get);
                    get = next_get[get as usize];
                }
                update = self.parsed.after[update as usize];
                if update == NONE || !self.gets[update as usize].seen {
                    break;
                }
            }
        }
        order
    }

    fn start(&self) -> u32 {
        self.ops.len() as u32
    }

    /// The forward and the backward zones, these in no order.
    fn zones(&self) -> Result<(Vec<Zone>, Vec<Zone>), Fault> {
        let (mut forward, mut backward) = (Vec::new(), Vec::new());
        for root in (0..=self.start()).rev() {
            let zone = if self.gets[root as usize].seen {
                if self.parsed.before[root as usize] != NONE {
                    continue;
                }
                self.chain(root)?
            } else {
                let Some(op) = self.ops.get(root as usize) else { continue };
                let unseen = !matches!(op.op, TextOp::Get(_)) && op.ret <= self.last;
                if !unseen || self.broken.is(Sabotage::Unseen) {
                    continue;
                }
                let (first, last) = (i64::from(op.ret), i64::from(op.call));
                Zone { root, first, first_op: root, last, last_op: root, witness: NONE }
            };
            (if zone.is_forward() { &mut forward } else { &mut backward }).push(zone);
        }
        Ok((forward, backward))
    }

    /// The zone of a chain that was seen, if its operations have an order.
    fn chain(&self, root: u32) -> Result<Zone, Fault> {
        let mut zone =
            Zone { root, first: i64::MAX, first_op: NONE, last: -1, last_op: NONE, witness: NONE };
        if root == self.start() && !self.broken.is(Sabotage::Start) {
            zone.first = -1;
        }
        let mut fault = None;
        let mut update = root;
        while update != NONE && self.gets[update as usize].seen {
            if let Some(op) = self.ops.get(update as usize) {
                let ret = if op.ret <= self.last { op.ret } else { NEVER };
                let wrong = zone.rank((ret, update), (op.call, update));
                fault = fault.or(wrong.filter(|_| !self.broken.is(Sabotage::UpdateRanks)));
            }
            let gets = self.gets[update as usize];
            if gets.ret_op != NONE {
                let wrong = zone.rank((gets.ret, gets.ret_op), (gets.call, gets.call_op));
                fault = fault.or(wrong.filter(|_| !self.broken.is(Sabotage::GetRanks)));
                zone.witness = gets.ret_op;
            }
            update = self.parsed.after[update as usize];
        }
        match fault {
            Some((early, late)) if self.is_get(early) && !self.is_get(late) => {
                Err((Rule::FromNowhere, vec![early, late, zone.witness]))
            }
            Some((early, late)) => Err((Rule::Rank, vec![early, late, zone.witness])),
            None => Ok(zone),
        }
    }

    fn is_get(&self, at: u32) -> bool {
        matches!(self.ops[at as usize].op, TextOp::Get(_))
    }

    /// By update, the first get that answered its text, and by get the next one, in order of invocation.
    fn gets_in_order(&self) -> (Vec<u32>, Vec<u32>) {
        let mut first_get = vec![NONE; self.ops.len() + 1];
        let mut next_get = vec![NONE; self.ops.len()];
        for at in (0..self.ops.len()).rev() {
            if matches!(self.ops[at].op, TextOp::Get(_)) && !self.ops[at].is_crashed() {
                let first = &mut first_get[self.parsed.seen[at] as usize];
                next_get[at] = std::mem::replace(first, at as u32);
            }
        }
        (first_get, next_get)
    }
}

impl Zone {
    /// Adds operations of the next rank: their first completion and last invocation. Gives the pair that is in the wrong
    /// order, if one is: the operation that completed too early, and the one invoked too late.
    fn rank(&mut self, ret: (u32, u32), call: (u32, u32)) -> Option<(u32, u32)> {
        let wrong = i64::from(ret.0) < self.last;
        let wrong = wrong.then_some((ret.1, self.last_op));
        if ret.0 != NEVER && i64::from(ret.0) < self.first {
            (self.first, self.first_op) = (i64::from(ret.0), ret.1);
        }
        if i64::from(call.0) > self.last {
            (self.last, self.last_op) = (i64::from(call.0), call.1);
        }
        wrong
    }
}

/// The last of the forward zones, in order, that begins before this moment.
fn begun_before(forward: &[Zone], moment: i64) -> Option<&Zone> {
    forward[..forward.partition_point(|zone| zone.first < moment)].last()
}
