//! Sets of slots. Most histories need no more than 64 slots, and then a set is one word, held in place; the others get
//! as many words as they need. Both are exact: nothing is ever told by a hash alone.

use std::fmt::Debug;

/// A set of small numbers.
pub(super) trait Bits: Clone + Eq + Default + Debug {
    /// How many numbers there are at most.
    const SLOTS_MAX: usize;

    /// Words in use; those beyond are zero.
    fn words(&self) -> usize;

    /// The word at `at`, zero if it is beyond those in use.
    fn word(&self, at: usize) -> u64;

    /// Replaces the word at `at`.
    fn put(&mut self, at: usize, word: u64);

    fn has(&self, slot: u32) -> bool {
        self.word(slot as usize / 64) >> (slot % 64) & 1 == 1
    }

    fn set(&mut self, slot: u32) {
        let at = slot as usize / 64;
        self.put(at, self.word(at) | 1 << (slot % 64));
    }

    fn clear(&mut self, slot: u32) {
        let at = slot as usize / 64;
        if at < self.words() {
            self.put(at, self.word(at) & !(1 << (slot % 64)));
        }
    }

    fn is_empty(&self) -> bool {
        (0..self.words()).all(|at| self.word(at) == 0)
    }

    fn count(&self) -> u32 {
        (0..self.words()).map(|at| self.word(at).count_ones()).sum()
    }

    /// Whether some member is not one of `other`'s.
    fn exceeds(&self, other: &Self) -> bool {
        (0..self.words()).any(|at| self.word(at) & !other.word(at) != 0)
    }

    /// Adds the members of `more` that are not in `except`.
    fn add(&mut self, more: &Self, except: &Self) {
        for at in 0..more.words() {
            let word = more.word(at) & !except.word(at);
            if word != 0 {
                self.put(at, self.word(at) | word);
            }
        }
    }

    /// Adds the members of `more`.
    fn join(&mut self, more: &Self) {
        for at in 0..more.words() {
            if more.word(at) != 0 {
                self.put(at, self.word(at) | more.word(at));
            }
        }
    }

    /// Keeps the members that `other` has too.
    fn keep(&mut self, other: &Self) {
        // From the end, as a wide set drops words that become zero.
        for at in (0..self.words()).rev() {
            self.put(at, self.word(at) & other.word(at));
        }
    }

    /// Says each member, the smallest first.
    fn each(&self, mut say: impl FnMut(u32)) {
        for at in 0..self.words() {
            let mut word = self.word(at);
            while word != 0 {
                say(at as u32 * 64 + word.trailing_zeros());
                word &= word - 1;
            }
        }
    }

    /// Bytes on the heap that a set of so many slots takes.
    fn heap_bytes(slots: usize) -> usize;
}

impl Bits for u64 {
    const SLOTS_MAX: usize = 64;

    fn words(&self) -> usize {
        1
    }

    fn word(&self, at: usize) -> u64 {
        if at == 0 { *self } else { 0 }
    }

    fn put(&mut self, at: usize, word: u64) {
        debug_assert_eq!(at, 0, "a narrow set has one word");
        *self = word;
    }

    fn heap_bytes(_slots: usize) -> usize {
        0
    }
}

/// A set of any size. The first word is held in place, and the last one of the others is never zero, so that equal sets
/// have equal words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Wide {
    first: u64,
    more: Vec<u64>,
}

impl Bits for Wide {
    const SLOTS_MAX: usize = u32::MAX as usize;

    fn words(&self) -> usize {
        1 + self.more.len()
    }

    fn word(&self, at: usize) -> u64 {
        match at.checked_sub(1) {
            None => self.first,
            Some(at) => self.more.get(at).copied().unwrap_or(0),
        }
    }

    fn put(&mut self, at: usize, word: u64) {
        let Some(at) = at.checked_sub(1) else {
            self.first = word;
            return;
        };
        if at >= self.more.len() {
            if word == 0 {
                return;
            }
            self.more.resize(at + 1, 0);
        }
        self.more[at] = word;
        while self.more.last() == Some(&0) {
            self.more.pop();
        }
    }

    /// A vector of words, and what the allocator adds to it.
    fn heap_bytes(slots: usize) -> usize {
        if slots <= 64 {
            return 0;
        }
        slots.div_ceil(64).next_power_of_two().max(4) * size_of::<u64>() + 16
    }
}
