//! Which object an operation is about.
//!
//! A few keys are active at a time, some of them hot. A key serves a bounded number of operations and is then replaced
//! by a new one, so that each key's history stays short, whatever the length of the run: checking time grows with the
//! number of keys, not with the run. The bounds are drawn, and the first keys start part-used, so that keys do not
//! all end at the same moment.
//!
//! ```text
//! position       0 ---------- 40 -------- 80 --------- 120 --------
//! slot 0 (hot)   k0 |----------|k5 |------------|k7 |---------
//! slot 1 (hot)   k1 |---|k6 |-----------|k8 |------------|k9 |
//! slot 2         k2 |--------------------|k10 |---------------
//! ```
//!
//! What is active is a function of the seed and of the position in a client's stream, so clients that are about as
//! far work on the same objects without asking each other.
//!
//! Invariant: a key that was replaced never comes back, except in the final reads, which ask for every key that was used.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

/// Keys in use at the same time.
const ACTIVE: usize = 5;
/// How many of them are hot.
const HOT: usize = 2;
/// Out of 100 operations, those on hot keys.
const HOT_PERCENT: u32 = 60;
/// Fewest and most operations a key is meant to serve, over all clients.
const USES: std::ops::RangeInclusive<u32> = 85..=130;

/// The keys of a run, as they come and go.
#[derive(Debug)]
pub(crate) struct KeySpace {
    prefix: &'static str,
    clients: u64,
    created: u64,
    /// All slots are as they are at this position.
    position: u64,
    slots: Vec<Slot>,
    rng: ChaCha8Rng,
}

#[derive(Debug)]
struct Slot {
    key: u64,
    /// The first position at which the key is no longer in use.
    until: u64,
}

impl KeySpace {
    /// Keys are called `prefix0`, `prefix1`... Spaces with the same arguments have the same keys at each position.
    pub(crate) fn new(prefix: &'static str, clients: u64, rng: ChaCha8Rng) -> Self {
        let slots = Vec::with_capacity(ACTIVE);
        let mut space = Self { prefix, clients, created: 0, position: 0, slots, rng };
        for position in 0..ACTIVE {
            let most = space.life(position);
            let until = space.rng.random_range(most / 4..=most);
            let key = space.fresh_key();
            space.slots.push(Slot { key, until });
        }
        space
    }

    /// Draws a slot for an operation; needs nothing but the generator of its client.
    pub(crate) fn draw(rng: &mut ChaCha8Rng) -> usize {
        let hot = rng.random_range(0..100) < HOT_PERCENT;
        if hot { rng.random_range(0..HOT) } else { rng.random_range(HOT..ACTIVE) }
    }

    /// The key in a slot at a position, which is none before the last one that was asked for.
    pub(crate) fn key(&mut self, slot: usize, position: u64) -> String {
        while self.position < position {
            self.position += 1;
            for slot in 0..ACTIVE {
                if self.slots[slot].until <= self.position {
                    let until = self.position + self.life(slot);
                    self.slots[slot] = Slot { key: self.fresh_key(), until };
                }
            }
        }
        format!("{}{}", self.prefix, self.slots[slot].key)
    }

    /// Draws for how many positions a key in this slot is in use.
    fn life(&mut self, slot: usize) -> u64 {
        let uses = u64::from(self.rng.random_range(USES));
        (uses * 100 / (Self::percent(slot) * self.clients)).max(1)
    }

    fn percent(slot: usize) -> u64 {
        let (percent, slots) =
            if slot < HOT { (HOT_PERCENT, HOT) } else { (100 - HOT_PERCENT, ACTIVE - HOT) };
        u64::from(percent) / slots as u64
    }

    fn fresh_key(&mut self) -> u64 {
        self.created += 1;
        self.created - 1
    }
}

/// Positions that a client may be behind the furthest one: far less than a hot key's life, so that all work on the same keys.
pub(crate) fn slack(clients: u64) -> u64 {
    let life = u64::from(*USES.start()) * 100 / (KeySpace::percent(0) * clients);
    (life / 8).max(1)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use rand::SeedableRng;

    use super::*;

    const CLIENTS: u64 = 10;

    fn space(seed: u64, clients: u64) -> KeySpace {
        KeySpace::new("k", clients, ChaCha8Rng::seed_from_u64(seed))
    }

    /// The keys that ten clients ask for, side by side.
    fn picks(seed: u64, count: u64) -> Vec<String> {
        let mut space = space(seed, CLIENTS);
        let mut rng = ChaCha8Rng::seed_from_u64(seed + 1000);
        (0..count).map(|at| space.key(KeySpace::draw(&mut rng), at / CLIENTS)).collect()
    }

    #[test]
    fn a_key_serves_a_bounded_number_of_operations_and_never_returns() {
        let picks = picks(1, 10_000);
        let mut uses: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
        for (at, key) in picks.iter().enumerate() {
            let (count, _, last) = uses.entry(key).or_insert((0, at, at));
            *count += 1;
            *last = at;
        }
        assert!(uses.values().all(|(count, ..)| *count <= 170), "{uses:?}");
        assert!(uses.len() > 70, "10 000 operations need at least 70 keys: {}", uses.len());
        let active_at =
            |at| uses.values().filter(|(_, from, to)| (*from..=*to).contains(&at)).count();
        assert!(active_at(5_000) <= ACTIVE, "{} keys at once", active_at(5_000));
    }

    #[test]
    fn hot_keys_get_most_of_the_work() {
        let picks = picks(2, 60);
        let hot = picks.iter().filter(|key| ["k0", "k1"].contains(&key.as_str())).count();
        assert!(hot > 20, "{hot} of 60 on the two hot keys");
    }

    #[test]
    fn keys_do_not_all_end_together() {
        let picks = picks(3, 3_000);
        let mut last: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, key) in picks.iter().enumerate() {
            last.insert(key, at);
        }
        let ends: BTreeSet<usize> = last.values().map(|at| at / 20).collect();
        assert!(ends.len() * 2 > last.len(), "ends bunch together: {last:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_keys() {
        assert_eq!(picks(4, 1_000), picks(4, 1_000));
        assert_ne!(picks(4, 1_000), picks(5, 1_000));
    }

    #[test]
    fn a_position_has_its_keys_whatever_was_asked_before() {
        let (mut each, mut some) = (space(6, CLIENTS), space(6, CLIENTS));
        for position in 0..2_000 {
            let keys: Vec<String> = (0..ACTIVE).map(|slot| each.key(slot, position)).collect();
            if position % 97 == 0 {
                let again: Vec<String> = (0..ACTIVE).map(|slot| some.key(slot, position)).collect();
                assert_eq!(again, keys);
            }
        }
    }

    #[test]
    fn any_number_of_clients_has_keys_that_live() {
        for clients in [1, 2, 30, 1_000] {
            let mut space = space(7, clients);
            let first = space.key(0, 0);
            assert_ne!(space.key(0, 2_000), first, "{clients} clients");
            assert!((1..=40).contains(&slack(clients)), "{clients}: {}", slack(clients));
        }
    }
}
