//! Which operations a few others rest on, so that what contradicts itself can be looked at by itself.
//!
//! Of an order of the whole history all other operations can be left out: what one of the chosen saw, the change of a
//! revision or the last change of a value, is chosen too, and so is still the last change before it. So if the
//! chosen ones are impossible, the history is, and leaving out the rest makes nothing impossible that was not. That is so
//! for what was known at one moment: before a change had told its revision, any of its value may have been the one. Where
//! nothing says what was seen (an absent key, a delete), all changes are chosen.

use super::{ABSENT, Op, Timed, When};

/// Times that the whole history is looked through for writes of a value at most.
const SCANS_MAX: usize = 64;

/// The operations, and where to find those that were seen.
pub(super) struct Seen<'a> {
    pub(super) ops: &'a [Timed<Op>],
    /// Changes by the revision that they tell in the end.
    changes: Vec<(i64, u32)>,
}

/// What an operation saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    Nothing,
    /// The change of a revision; what it left, if that is known.
    Revision(i64, Option<u32>),
    /// Some change that left this value.
    Value(u32),
    /// Nobody can tell.
    Anything,
}

impl<'a> Seen<'a> {
    pub(super) fn new(ops: &'a [Timed<Op>]) -> Self {
        let told = (0..).zip(ops).filter_map(|(at, op)| match op.op {
            Op::Put { revision, .. } | Op::Delete { revision, .. } => Some((revision?, at)),
            Op::Get { .. } => None,
        });
        let mut changes: Vec<(i64, u32)> = told.collect();
        changes.sort_unstable();
        Self { ops, changes }
    }

    /// All operations.
    pub(super) fn all(&self) -> Vec<u32> {
        (0..self.ops.len() as u32).collect()
    }

    /// Those of the chosen that had begun by event `horizon`, with all that they rest on by what was known then. In order.
    pub(super) fn with(&self, chosen: &[u32], horizon: u32) -> Vec<u32> {
        let begun = self.ops.partition_point(|op| op.call < horizon) as u32;
        let known = Known { seen: self, begun, horizon };
        let mut kept: Vec<u32> = chosen.iter().copied().filter(|op| *op < begun).collect();
        if known.close(&mut kept).is_none() {
            let is_change = |op: &u32| !matches!(self.ops[*op as usize].op, Op::Get { .. });
            kept.extend((0..begun).filter(is_change));
        }
        kept.sort_unstable();
        kept.dedup();
        kept
    }
}

/// What was known at one moment.
struct Known<'a> {
    seen: &'a Seen<'a>,
    begun: u32,
    horizon: u32,
}

impl Known<'_> {
    /// Adds what these rest on; `None` if that may be any change.
    fn close(&self, kept: &mut Vec<u32>) -> Option<()> {
        let mut is_kept = vec![false; self.begun as usize];
        for op in kept.iter() {
            is_kept[*op as usize] = true;
        }
        let mut done: Vec<Sight> = Vec::new();
        let mut at = 0;
        while let Some(op) = kept.get(at).copied() {
            at += 1;
            let sight = self.sight(op);
            let mut found = match sight {
                Sight::Nothing => continue,
                Sight::Anything => return None,
                Sight::Revision(revision, _) => self.told(revision),
                Sight::Value(_) => Vec::new(),
            };
            if found.is_empty() {
                if done.contains(&sight) {
                    continue;
                }
                if done.len() == SCANS_MAX {
                    return None;
                }
                done.push(sight);
                found = (0..self.begun).filter(|op| self.may_be_seen(*op, sight)).collect();
            }
            found.retain(|op| !std::mem::replace(&mut is_kept[*op as usize], true));
            kept.append(&mut found);
        }
        Some(())
    }

    fn is_known(&self, op: u32) -> bool {
        self.seen.ops[op as usize].ret <= self.horizon
    }

    /// The changes that have told this revision.
    fn told(&self, revision: i64) -> Vec<u32> {
        let changes = &self.seen.changes;
        let first = changes.partition_point(|(other, _)| *other < revision);
        let same = changes[first..].iter().take_while(|(other, _)| *other == revision);
        same.map(|(_, op)| *op).filter(|op| self.is_known(*op)).collect()
    }

    /// Whether an operation may be what was seen, where no revision says so.
    fn may_be_seen(&self, op: u32, sight: Sight) -> bool {
        let Op::Put { value, revision, .. } = self.seen.ops[op as usize].op else { return false };
        let is_told = revision.is_some() && self.is_known(op);
        match sight {
            Sight::Nothing | Sight::Anything => false,
            Sight::Revision(_, wrote) => !is_told && wrote.is_none_or(|wrote| wrote == value),
            Sight::Value(wrote) => wrote == value,
        }
    }

    fn sight(&self, op: u32) -> Sight {
        match self.seen.ops[op as usize].op {
            Op::Get { .. } if !self.is_known(op) => Sight::Nothing,
            Op::Get { value: ABSENT, .. } | Op::Get { modified: ..=0, .. } | Op::Delete { .. } => {
                Sight::Anything
            }
            Op::Get { value, modified, .. } => Sight::Revision(modified, Some(value)),
            Op::Put { when: When::Always, .. } => Sight::Nothing,
            Op::Put { when: When::Value(ABSENT) | When::Modified(..=0), .. } => Sight::Anything,
            Op::Put { when: When::Value(from), .. } => Sight::Value(from),
            Op::Put { when: When::Modified(from), .. } => Sight::Revision(from, None),
        }
    }
}
