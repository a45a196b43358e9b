//! What happened: as one number, and as a story.
//!
//! Two runs with the same number went the same way. The story is written only for whoever wants to read it, and writing it
//! changes nothing.

pub use focus::Unseen;
pub(super) use scribe::{Look, Scribe, State};
pub use story::{Fate, Kind, Lane, Line, Story, What};

mod focus;
mod scribe;
mod story;

/// A hash that is the same on every machine. Not against an adversary.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0x5241_5348_4f4d_4f4e)
    }
}

impl Hash {
    /// Goes on with a number.
    pub(super) const fn number(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed.rotate_left(29) ^ (mixed >> 32);
    }

    /// Goes on with bytes, and how many they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.number(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.number(u64::from_le_bytes(last));
        self.number(bytes.len() as u64);
    }

    /// The hash so far.
    pub(super) const fn value(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> u64 {
        let mut hash = Hash::default();
        hash.bytes(bytes);
        hash.value()
    }

    #[test]
    fn close_texts_have_different_hashes() {
        let texts: [&[u8]; 7] =
            [b"", b"\0", b"a", b"a\0", b"abcdefgh", b"abcdefgh\0", b"abcdefghabcdefgh"];
        let hashes: std::collections::BTreeSet<u64> = texts.into_iter().map(of).collect();
        assert_eq!(hashes.len(), texts.len());
        let mut numbers = Hash::default();
        for number in 0..3 {
            numbers.number(number);
        }
        let mut swapped = Hash::default();
        for number in [1, 0, 2] {
            swapped.number(number);
        }
        assert_ne!(numbers.value(), swapped.value());
    }
}
