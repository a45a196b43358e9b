//! Weighted choice between kinds of operations.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

/// Kinds of operations with their shares.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mix<K, const N: usize> {
    shares: [(K, u32); N],
}

impl<K: Copy, const N: usize> Mix<K, N> {
    /// Shares are relative: `[(Read, 45), (Write, 55)]` and `[(Read, 9), (Write, 11)]` are the same mix.
    pub(crate) const fn new(shares: [(K, u32); N]) -> Self {
        assert!(N > 0, "a mix needs at least one kind");
        Self { shares }
    }

    /// Draws a kind.
    pub(crate) fn pick(&self, rng: &mut ChaCha8Rng) -> K {
        let total: u32 = self.shares.iter().map(|(_, share)| share).sum();
        let mut drawn = rng.random_range(0..total);
        for (kind, share) in self.shares {
            if drawn < share {
                return kind;
            }
            drawn -= share;
        }
        unreachable!("a number below the sum of all shares falls into one of them")
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn draws_each_kind_by_its_share() {
        let mix = Mix::new([('a', 1), ('b', 3), ('c', 0)]);
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let drawn: Vec<char> = (0..4000).map(|_| mix.pick(&mut rng)).collect();
        let count = |kind| drawn.iter().filter(|&&one| one == kind).count();
        assert!((900..1100).contains(&count('a')), "{} of 4000 at a share of 1 in 4", count('a'));
        assert_eq!(count('c'), 0, "a share of nothing is never drawn");
    }
}
