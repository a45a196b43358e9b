//! Which object an operation is about.
//!
//! A few keys are active at a time, some of them hot. A key serves a bounded number of operations and is then replaced
//! by a new one, so that each key's history stays short, whatever the length of the run: checking time grows with the
//! number of keys, not with the run. The bounds are drawn, and the first keys start part-used, so that keys do not
//! all end at the same moment.
//!
//! ```text
//! slot 0 (hot)   k0 |----------|k5 |------------|k7 |---------
//! slot 1 (hot)   k1 |---|k6 |-----------|k8 |------------|k9 |
//! slot 2         k2 |--------------------|k10 |---------------
//! ```
//!
//! Invariant: a key that was replaced never comes back, except in the final reads, which ask for every key there was.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

/// Keys in use at the same time.
const ACTIVE: usize = 5;
/// How many of them are hot.
const HOT: usize = 2;
/// Out of 100 operations, those on hot keys.
const HOT_PERCENT: u32 = 60;
/// Fewest and most operations a key serves.
const USES: std::ops::RangeInclusive<u32> = 100..=150;

/// The keys of a run.
#[derive(Debug)]
pub(crate) struct KeySpace {
    prefix: &'static str,
    created: usize,
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    key: String,
    uses_left: u32,
}

impl KeySpace {
    /// Keys are called `prefix0`, `prefix1`...
    pub(crate) fn new(prefix: &'static str, rng: &mut ChaCha8Rng) -> Self {
        let mut space = Self { prefix, created: 0, slots: Vec::with_capacity(ACTIVE) };
        for _ in 0..ACTIVE {
            let most = rng.random_range(USES);
            let slot =
                Slot { key: space.fresh_key(), uses_left: rng.random_range(most / 4..=most) };
            space.slots.push(slot);
        }
        space
    }

    /// The key of the next operation.
    pub(crate) fn pick(&mut self, rng: &mut ChaCha8Rng) -> String {
        let hot = rng.random_range(0..100) < HOT_PERCENT;
        let position =
            if hot { rng.random_range(0..HOT) } else { rng.random_range(HOT..self.slots.len()) };
        if self.slots[position].uses_left == 0 {
            let key = self.fresh_key();
            self.slots[position] = Slot { key, uses_left: rng.random_range(USES) };
        }
        let slot = &mut self.slots[position];
        slot.uses_left -= 1;
        slot.key.clone()
    }

    /// Every key there was, oldest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = String> + '_ {
        (0..self.created).map(|number| self.name(number))
    }

    fn fresh_key(&mut self) -> String {
        let key = self.name(self.created);
        self.created += 1;
        key
    }

    fn name(&self, number: usize) -> String {
        format!("{}{number}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use rand::SeedableRng;

    use super::*;

    fn picks(seed: u64, count: usize) -> (KeySpace, Vec<String>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut space = KeySpace::new("k", &mut rng);
        let picks = (0..count).map(|_| space.pick(&mut rng)).collect();
        (space, picks)
    }

    #[test]
    fn a_key_serves_a_bounded_number_of_operations_and_never_returns() {
        let (space, picks) = picks(1, 10_000);
        let mut uses: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
        for (at, key) in picks.iter().enumerate() {
            let (count, _, last) = uses.entry(key).or_insert((0, at, at));
            *count += 1;
            *last = at;
        }
        assert!(uses.values().all(|(count, ..)| *count <= 150), "{uses:?}");
        assert!(uses.len() > 70, "10 000 operations need at least 67 keys: {}", uses.len());
        assert_eq!(space.all().filter(|key| !uses.contains_key(key.as_str())).count(), 0);
        let active_at =
            |at| uses.values().filter(|(_, from, to)| (*from..=*to).contains(&at)).count();
        assert!(active_at(5_000) <= ACTIVE, "{} keys at once", active_at(5_000));
    }

    #[test]
    fn hot_keys_get_most_of_the_work() {
        let (_, picks) = picks(2, 100);
        let hot = picks.iter().filter(|key| ["k0", "k1"].contains(&key.as_str())).count();
        assert!(hot > 30, "{hot} of 100 on the two hot keys");
    }

    #[test]
    fn keys_do_not_all_end_together() {
        let (_, picks) = picks(3, 3_000);
        let mut last: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, key) in picks.iter().enumerate() {
            last.insert(key, at);
        }
        let ends: BTreeSet<usize> = last.values().map(|at| at / 20).collect();
        assert!(ends.len() * 2 > last.len(), "ends bunch together: {last:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_keys() {
        assert_eq!(picks(4, 1_000).1, picks(4, 1_000).1);
        assert_ne!(picks(4, 1_000).1, picks(5, 1_000).1);
    }
}
