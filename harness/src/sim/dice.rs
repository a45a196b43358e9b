//! Chance, drawn by purpose and place.
//!
//! One stream for everything would make each draw depend on all draws before it: take a fault out of a schedule, and the
//! whole world goes another way. Here each purpose at each place (the latency of link 3, the disk of node 2) has a stream
//! of its own, `hash(seed, purpose, place, how often it was asked)`, so that what is left alone stays as it was. Integers
//! only: a seed is the same world on every machine.

/// What is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Purpose {
    /// How long a letter travels.
    Latency = 1,
    /// Whether a letter is lost, doubled or late.
    Weather,
    /// How long a sync takes.
    Disk,
    /// What a crash leaves.
    Tear,
    /// How long a process takes to come up.
    Boot,
    /// The paces and origins of clocks.
    Clock,
    /// Nodes that die of themselves.
    Temper,
    /// How a run is set up.
    Swarm,
    /// How long entries take to be applied.
    Apply,
    /// Who stays behind when all else is healed.
    Rest,
    /// Seeds of the parts that have generators of their own.
    Root,
}

/// A stream of draws.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dice {
    key: u64,
    drawn: u64,
}

impl Dice {
    /// The stream for `purpose` at `place` in the world of `seed`.
    pub(super) const fn new(seed: u64, purpose: Purpose, place: u64) -> Self {
        Self { key: mix(mix(seed ^ 0x5157_494d, purpose as u64), place), drawn: 0 }
    }

    /// 64 random bits.
    pub(super) const fn next(&mut self) -> u64 {
        self.drawn += 1;
        mix(self.key, self.drawn)
    }

    /// Uniform in `0..bound`; 0 if that is empty.
    pub(super) const fn below(&mut self, bound: u64) -> u64 {
        // The high half of a product: the bias is below 2^-40 for every bound in use.
        ((self.next() as u128 * bound as u128) >> 64) as u64
    }

    /// Uniform in `low..=high`; `low` if that is empty.
    pub(super) const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// True in `of_million` cases of a million.
    pub(super) const fn chance(&mut self, of_million: u64) -> bool {
        of_million > 0 && self.below(1_000_000) < of_million
    }

    /// One of `choices`, which has to have one.
    pub(super) const fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// Exponential with about this mean: `-log2` of a uniform draw, with a straight line between powers of two (off by less
    /// than a tenth), times `mean * ln 2`. At most 44 times the mean.
    pub(super) const fn exponential(&mut self, mean: u64) -> u64 {
        let draw = self.next() | 1;
        let zeros = draw.leading_zeros() as u64;
        // The bits behind the leading one, as a fraction of 2^32.
        let fraction = (draw << zeros << 1) >> 32;
        let logarithm = ((zeros + 1) << 32) - fraction;
        ((logarithm as u128 * mean as u128 * 693 / 1000) >> 32) as u64
    }
}

/// One round of `SplitMix64` over both numbers.
const fn mix(key: u64, number: u64) -> u64 {
    let mut mixed = key ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dice(seed: u64) -> Dice {
        Dice::new(seed, Purpose::Latency, 3)
    }

    #[test]
    fn draws_depend_on_seed_purpose_place_and_number_only() {
        let draws = |mut dice: Dice| (0..4).map(move |_| dice.next()).collect::<Vec<_>>();
        assert_eq!(draws(dice(1)), draws(dice(1)));
        let others =
            [dice(2), Dice::new(1, Purpose::Weather, 3), Dice::new(1, Purpose::Latency, 4)];
        for other in others {
            assert_ne!(draws(dice(1)), draws(other));
        }
    }

    #[test]
    fn ranges_are_kept_and_filled() {
        let mut dice = dice(7);
        let seen: std::collections::BTreeSet<u64> = (0..1000).map(|_| dice.between(3, 9)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6, 7, 8, 9]);
        assert_eq!((dice.between(5, 5), dice.between(5, 2), dice.below(0)), (5, 5, 0));
    }

    #[test]
    fn chances_come_true_about_as_often_as_they_should() {
        let mut dice = dice(8);
        let hits = (0..100_000).filter(|_| dice.chance(50_000)).count();
        assert!((4_600..5_400).contains(&hits), "{hits}");
        assert!(!(0..1000).any(|_| dice.chance(0)) && (0..1000).all(|_| dice.chance(1_000_000)));
    }

    #[test]
    fn exponential_draws_have_their_mean_and_their_tail() {
        let mut dice = dice(9);
        let draws: Vec<u64> = (0..100_000).map(|_| dice.exponential(1_000)).collect();
        let mean = draws.iter().sum::<u64>() / draws.len() as u64;
        assert!((930..1_070).contains(&mean), "{mean}");
        let far = draws.iter().filter(|draw| **draw > 3_000).count();
        assert!((4_000..6_000).contains(&far), "e^-3 of 100,000 is 4,979: {far}");
    }
}
