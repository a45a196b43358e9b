//! When a client's next operation is due.
//!
//! The schedule is open-loop: it does not wait for answers, so a slow answer does not make the load gentler. Gaps are
//! drawn between nothing and twice the mean, so that clients drift against each other and every overlap occurs. A client
//! that was held up catches up on a few operations and lets the others go: a burst after every fault would test the
//! store's queue instead of its consistency.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

/// Mean gaps that a late client may catch up on.
const CATCH_UP: u32 = 4;

/// The schedule of one client.
#[derive(Debug)]
pub(super) struct Pace {
    mean: Duration,
    due: Duration,
    rng: ChaCha8Rng,
}

impl Pace {
    /// The share of one of `clients` clients in `rate` operations a second.
    pub(super) fn new(rate: f64, clients: usize, mut rng: ChaCha8Rng) -> Self {
        let mean = Duration::from_secs_f64(clients as f64 / rate);
        let due = mean.mul_f64(rng.random_range(0.0..1.0));
        Self { mean, due, rng }
    }

    /// Time from the start of the load at which the next operation is due.
    pub(super) fn due(&self) -> Duration {
        self.due
    }

    /// Moves on to the operation after, at `now`.
    pub(super) fn advance(&mut self, now: Duration) {
        let next = self.due + self.mean.mul_f64(self.rng.random_range(0.0..2.0));
        let oldest = now.saturating_sub(self.mean * CATCH_UP);
        self.due = next.max(oldest);
    }

    /// Skips operations: the next one is not due before `until`.
    pub(super) fn rest(&mut self, until: Duration) {
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
        assert!((2..=12).contains(&at_once), "{at_once} operations at once after ten idle seconds");
    }

    #[test]
    fn a_resting_client_waits() {
        let mut pace = Pace::new(500.0, 10, Seed(5).rng());
        pace.rest(Duration::from_secs(3));
        assert_eq!(pace.due(), Duration::from_secs(3));
    }
}
