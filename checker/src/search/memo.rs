//! The configurations that were visited.
//!
//! A configuration is a row of words: `[base and state, mask..., used...]`. Base, state and mask are the key, found by
//! hash and compared word by word; rows with one key form a chain, in which a new row is *dominated* if some row's used
//! operations are a subset of its own. Rows live in chunks, so that growth copies nothing and memory is what is counted.

use crate::search::budget::{Account, Stop};

/// Words of a chunk of rows: half a mebibyte.
const CHUNK_WORDS: usize = 1 << 16;

/// End of a chain, and an empty place in the table.
const NONE: u32 = u32::MAX;

/// The set of visited configurations.
#[derive(Debug)]
pub(super) struct Memo {
    key_words: usize,
    row_words: usize,
    rows_per_chunk: usize,
    chunks: Vec<Vec<u64>>,
    /// By row: the next row with the same key.
    chain: Vec<u32>,
    /// By hash, linear probing: the first row of a chain.
    table: Vec<u32>,
    keys: usize,
    rows: usize,
}

impl Memo {
    /// For rows of `key_words` words, of which `[0]` holds base and state, and `used_words` words after them.
    pub(super) fn new(key_words: usize, used_words: usize) -> Self {
        let row_words = key_words + used_words;
        Self {
            key_words,
            row_words,
            rows_per_chunk: (CHUNK_WORDS / row_words).max(1),
            chunks: Vec::new(),
            chain: Vec::new(),
            table: vec![NONE; 64],
            keys: 0,
            rows: 0,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.chunks.len() * self.rows_per_chunk * self.row_words * size_of::<u64>()
            + (self.chain.capacity() + self.table.capacity()) * size_of::<u32>()
    }

    /// Adds a configuration; false if it, or one that is at least as good, was there before.
    /// `others` are the bytes that the search holds beside the memo.
    pub(super) fn visit(
        &mut self,
        row: &[u64],
        others: usize,
        account: &mut Account<'_>,
    ) -> Result<bool, Stop> {
        debug_assert_eq!(row.len(), self.row_words);
        let place = self.place(row);
        let first = self.table[place];
        let mut at = first;
        while at != NONE {
            if self.dominates(at, row) {
                return Ok(false);
            }
            at = self.chain[at as usize];
        }
        let added = self.push(row, others, account)?;
        if first == NONE {
            self.table[place] = added;
            self.keys += 1;
            if self.keys * 2 > self.table.len() {
                self.grow_table(others, account)?;
            }
        } else {
            // After the first row, whose place in the table then need not change.
            self.chain[added as usize] = self.chain[first as usize];
            self.chain[first as usize] = added;
        }
        Ok(true)
    }

    /// Where the chain of this row's key is, or would go.
    fn place(&self, row: &[u64]) -> usize {
        let limit = self.table.len() - 1;
        let mut place = hash(&row[..self.key_words]) & limit;
        loop {
            let first = self.table[place];
            if first == NONE || self.row(first)[..self.key_words] == row[..self.key_words] {
                return place;
            }
            place = (place + 1) & limit;
        }
    }

    fn dominates(&self, known: u32, row: &[u64]) -> bool {
        let known = &self.row(known)[self.key_words..];
        known.iter().zip(&row[self.key_words..]).all(|(known, new)| known & !new == 0)
    }

    fn row(&self, number: u32) -> &[u64] {
        let number = number as usize;
        let start = number % self.rows_per_chunk * self.row_words;
        &self.chunks[number / self.rows_per_chunk][start..start + self.row_words]
    }

    fn push(&mut self, row: &[u64], others: usize, account: &mut Account<'_>) -> Result<u32, Stop> {
        if self.rows == self.chunks.len() * self.rows_per_chunk {
            let chunk_words = self.rows_per_chunk * self.row_words;
            let more = chunk_words * size_of::<u64>();
            // The chain may have to grow too, which holds the old and the new one for a moment.
            let chain_more = 2 * (self.chain.len() + self.rows_per_chunk) * size_of::<u32>();
            account.hold(others + self.bytes() + more + chain_more)?;
            self.chunks.push(Vec::with_capacity(chunk_words));
            self.chain.reserve(self.rows_per_chunk);
        }
        let number = u32::try_from(self.rows).ok().filter(|number| *number != NONE);
        let number = number.ok_or(Stop::Memory)?;
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.extend_from_slice(row);
        }
        self.chain.push(NONE);
        self.rows += 1;
        Ok(number)
    }

    fn grow_table(&mut self, others: usize, account: &mut Account<'_>) -> Result<(), Stop> {
        let size = self.table.len() * 2;
        account.hold(others + self.bytes() + size * size_of::<u32>())?;
        let old = std::mem::replace(&mut self.table, vec![NONE; size]);
        for first in old.into_iter().filter(|first| *first != NONE) {
            let mut place = hash(&self.row(first)[..self.key_words]) & (size - 1);
            while self.table[place] != NONE {
                place = (place + 1) & (size - 1);
            }
            self.table[place] = first;
        }
        Ok(())
    }
}

/// Where to look for a key. Equality is decided by comparing words, never by this.
fn hash(words: &[u64]) -> usize {
    let mut hash = 0_u64;
    for word in words {
        hash = (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 29;
    }
    hash as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::budget::Budget;

    #[test]
    fn a_configuration_is_new_once_and_dominated_by_fewer_used_operations() {
        let budget = Budget::new(1 << 24);
        let mut account = budget.account();
        let mut memo = Memo::new(2, 1);
        let mut visit = |row: [u64; 3]| memo.visit(&row, 0, &mut account).unwrap();
        assert!(visit([7, 0b01, 0b011]));
        assert!(!visit([7, 0b01, 0b011]));
        assert!(!visit([7, 0b01, 0b111]));
        assert!(visit([7, 0b01, 0b100]));
        assert!(!visit([7, 0b01, 0b110]));
        assert!(visit([7, 0b01, 0b001]));
        assert!(visit([7, 0b11, 0b011]));
        assert!(visit([8, 0b01, 0b011]));
    }

    #[test]
    fn many_keys_are_told_apart_and_the_budget_ends_growth() {
        let budget = Budget::new(4 << 20);
        let mut account = budget.account();
        let mut memo = Memo::new(2, 0);
        for n in 0..50_000 {
            assert_eq!(memo.visit(&[n % 251, n], 0, &mut account), Ok(true), "row {n}");
        }
        for n in 0..50_000 {
            assert_eq!(memo.visit(&[n % 251, n], 0, &mut account), Ok(false), "row {n}");
        }
        let stopped = (50_000..5_000_000).find_map(|n| memo.visit(&[0, n], 0, &mut account).err());
        assert_eq!(stopped, Some(Stop::Memory));
        assert!(memo.bytes() <= 4 << 20, "holds {} bytes", memo.bytes());
    }
}
