//! What time a node believes it is.
//!
//! A node's monotonic clock starts anywhere and runs at its own pace; faults make it jump or change its pace. It never runs
//! backwards: a jump back makes it stand still, as the kernel's monotonic clock would at worst.

use super::dice::Dice;
use super::heap::Moment;
use rashomon_node::raft::Nanos;

/// Thousandths of true time: a clock of this pace is right.
pub(super) const TRUE_PACE: u64 = 1000;

/// One node's clock.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    /// What it showed at `since`.
    shown: u64,
    since: Moment,
    /// Thousandths of true time; at least 1.
    pace: u64,
}

impl Clock {
    /// A clock that shows anything, and runs at a pace up to `skew` thousandths off.
    pub(super) const fn new(skew: u64, dice: &mut Dice) -> Self {
        let skew = if skew < TRUE_PACE { skew } else { TRUE_PACE - 1 };
        Self {
            shown: dice.below(1 << 40),
            since: 0,
            pace: dice.between(TRUE_PACE - skew, TRUE_PACE + skew),
        }
    }

    /// What it shows at a moment, which is none before its last change.
    pub(super) const fn local(&self, now: Moment) -> Nanos {
        let passed = now.saturating_sub(self.since);
        // Asked at every turn: dividing 128 bits takes ten times as long, and they are needed after half a year only.
        let passed = match passed.checked_mul(self.pace) {
            Some(paced) => paced / TRUE_PACE,
            None => (passed as u128 * self.pace as u128 / TRUE_PACE as u128) as u64,
        };
        Nanos(self.shown + passed)
    }

    /// The first moment, from its last change on, at which it shows `local` or more.
    pub(super) const fn moment(&self, local: Nanos) -> Moment {
        let left = local.0.saturating_sub(self.shown);
        let left = match left.checked_mul(TRUE_PACE) {
            Some(paced) => paced.div_ceil(self.pace),
            None => (left as u128 * TRUE_PACE as u128).div_ceil(self.pace as u128) as u64,
        };
        self.since.saturating_add(left)
    }

    /// Now it shows `by` more.
    pub(super) const fn jump(&mut self, now: Moment, by: u64) {
        self.shown = self.local(now).0 + by;
        self.since = now;
    }

    /// From now on it runs at another pace, in thousandths of true time; 0 counts as 1.
    pub(super) const fn set_pace(&mut self, now: Moment, pace: u64) {
        self.shown = self.local(now).0;
        self.since = now;
        self.pace = if pace == 0 { 1 } else { pace };
    }

    /// Its pace.
    pub(super) const fn pace(&self) -> u64 {
        self.pace
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::dice::Purpose;

    #[test]
    fn a_moment_is_the_first_at_which_the_clock_shows_a_time() {
        for seed in 0..200 {
            let mut dice = Dice::new(seed, Purpose::Clock, 1);
            let mut clock = Clock::new(200, &mut dice);
            let mut now = 0;
            for _ in 0..5 {
                let wanted = Nanos(clock.local(now).0 + dice.between(1, 1 << 30));
                let moment = clock.moment(wanted);
                assert!(clock.local(moment) >= wanted && clock.local(moment - 1) < wanted);
                now = moment;
                clock.set_pace(now, dice.between(1, 3000));
            }
        }
    }

    #[test]
    fn a_clock_jumps_forward_and_changes_its_pace_without_running_back() {
        let mut clock = Clock::new(0, &mut Dice::new(1, Purpose::Clock, 2));
        let start = clock.local(0).0;
        clock.jump(1_000, 500);
        assert_eq!(clock.local(1_000).0, start + 1_500);
        clock.set_pace(2_000, 500);
        assert_eq!((clock.local(2_000).0, clock.local(4_000).0), (start + 2_500, start + 3_500));
        clock.set_pace(4_000, 0);
        assert_eq!(clock.pace(), 1);
        assert!(clock.local(5_000).0 >= start + 3_500);
    }
}
