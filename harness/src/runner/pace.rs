//! When a client's next operation is due.
//!
//! The schedule is open-loop: it does not wait for answers, so a slow answer does not make the load gentler. Time is cut
//! into slots of the mean gap, and each operation is due at a drawn moment of its slot: clients never drift apart for good,
//! and every overlap occurs. A client that was held up catches up on a few operations and lets the others go: a burst after
//! every fault would test the store's queue instead of its consistency.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

/// Mean gaps that a late client may catch up on.
const CATCH_UP: f64 = 4.0;

/// The schedule of one client.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Seconds of a slot.
    mean: f64,
    /// The slot of the next operation.
    slot: u64,
    due: Duration,
    rng: ChaCha8Rng,
}

impl Pace {
    /// The share of one of `clients` clients in `rate` operations a second.
    pub(crate) fn new(rate: f64, clients: usize, rng: ChaCha8Rng) -> Self {
        let mut pace = Self { mean: clients as f64 / rate, slot: 0, due: Duration::ZERO, rng };
        pace.draw();
        pace
    }

    /// Time from the start of the load at which the next operation is due.
    pub(crate) fn due(&self) -> Duration {
        self.due
    }

    /// Moves on to the operation after, at `now`.
    pub(crate) fn advance(&mut self, now: Duration) {
        let oldest = now.as_secs_f64() / self.mean - CATCH_UP;
        // A negative number becomes 0.
        self.slot = (self.slot + 1).max(oldest as u64);
        self.draw();
    }

    fn draw(&mut self) {
        let within = self.rng.random_range(0.0..1.0);
        self.due = Duration::from_secs_f64((self.slot as f64 + within) * self.mean);
    }

    /// Skips operations: the next one is not due before `until`.
    pub(crate) fn rest(&mut self, until: Duration) {
        self.due = self.due.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    fn due_times(seed: u64, count: usize) -> Vec<Duration> {
        let mut pace = Pace::new(500.0, 10, Seed(seed).rng());
        (0..count)
            .map(|_| {
                let due = pace.due();
                pace.advance(due);
                due
            })
            .collect()
    }

    #[test]
    fn keeps_the_rate_on_average() {
        let last = *due_times(1, 1_000).last().unwrap();
        let expected = Duration::from_secs(20);
        assert!(last > expected.mul_f64(0.95) && last < expected.mul_f64(1.05), "{last:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_times() {
        assert_eq!(due_times(2, 50), due_times(2, 50));
        assert_ne!(due_times(2, 50), due_times(3, 50));
    }

    #[test]
    fn a_late_client_does_not_make_up_for_everything() {
        let mut pace = Pace::new(500.0, 10, Seed(4).rng());
        let late = Duration::from_secs(10);
        let mut at_once = 0;
        while pace.due() <= late {
            pace.advance(late);
            at_once += 1;
        }
        assert!((2..=6).contains(&at_once), "{at_once} operations at once after ten idle seconds");
    }

    #[test]
    fn clients_do_not_drift_apart() {
        let last = |seed| *due_times(seed, 10_000).last().unwrap();
        let apart = last(6).abs_diff(last(7));
        assert!(apart < Duration::from_millis(20), "a slot is 20 ms long: {apart:?}");
    }

    #[test]
    fn a_resting_client_waits() {
        let mut pace = Pace::new(500.0, 10, Seed(5).rng());
        pace.rest(Duration::from_secs(3));
        assert_eq!(pace.due(), Duration::from_secs(3));
    }
}
