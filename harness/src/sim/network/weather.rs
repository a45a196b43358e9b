//! How long letters travel, and what happens to them by chance.

use serde::{Deserialize, Serialize};

use crate::sim::dice::Dice;
use crate::sim::heap::Moment;

/// What links between nodes are like, all of them together. Spans are in nanoseconds, chances in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weather {
    /// The shortest time a letter between nodes takes.
    pub base: Moment,
    /// The mean of what comes on top, exponentially.
    pub mean: Moment,
    /// How many letters are much later than that.
    pub tail: u64,
    /// How much later, at most.
    pub tail_max: Moment,
    /// The time of a letter from or to a client. Constant: what is slow there hides what nodes do wrong.
    pub client: Moment,
    /// Letters between nodes are sent one by one; else there are lines, on which none is lost, doubled or overtaken.
    pub datagrams: bool,
    /// Datagrams that are lost.
    pub loss: u64,
    /// Datagrams that arrive twice.
    pub double: u64,
    /// How much later the second one comes, at most.
    pub double_max: Moment,
}

impl Weather {
    /// What a quiet machine's loopback would be like, only slower, so that faults find letters under way.
    pub const CALM: Self = Self {
        base: 200_000,
        mean: 300_000,
        tail: 0,
        tail_max: 0,
        client: 100_000,
        datagrams: false,
        loss: 0,
        double: 0,
        double_max: 0,
    };

    pub(super) const fn latency(&self, dice: &mut Dice) -> Moment {
        let usual = self.base + dice.exponential(self.mean);
        if dice.chance(self.tail) { usual + dice.below(self.tail_max) } else { usual }
    }

    /// How often a letter arrives.
    pub(super) const fn copies(&self, luck: &mut Dice) -> u64 {
        if !self.datagrams || (self.loss == 0 && self.double == 0) {
            1
        } else if luck.chance(self.loss) {
            0
        } else if luck.chance(self.double) {
            2
        } else {
            1
        }
    }

    /// How much later than the first the second copy arrives.
    pub(super) const fn late(&self, luck: &mut Dice) -> Moment {
        luck.below(self.double_max)
    }
}
