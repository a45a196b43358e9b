//! Names of objects, by number.
//!
//! With many objects a name is looked up in memory that no cache holds. Short names are compared in a word beside the
//! number, without going to where their text lies.

use rustc_hash::FxHashMap;

/// Bytes of a name that fit into a word, with their count.
const SHORT_BYTES: usize = 15;

/// Which number each name has. That there is none has a number, too.
#[derive(Debug, Default)]
pub(super) struct Names {
    short: FxHashMap<u128, u32>,
    long: FxHashMap<String, u32>,
    unnamed: Option<u32>,
    by_number: Vec<Option<String>>,
}

/// A short name in a word; 0 of a long one. Different names have different words: the count is there as well.
pub(super) fn word_of(name: &str) -> u128 {
    let mut bytes = [0; SHORT_BYTES + 1];
    match bytes.get_mut(..name.len()) {
        Some(start) if name.len() <= SHORT_BYTES => start.copy_from_slice(name.as_bytes()),
        Some(_) | None => return 0,
    }
    bytes[SHORT_BYTES] = name.len() as u8 + 1;
    u128::from_le_bytes(bytes)
}

impl Names {
    /// The number of a name, and its word; 0 where there is none. The number of a new one follows all before.
    pub(super) fn number(&mut self, name: Option<&str>) -> (u32, u128) {
        let next = self.by_number.len() as u32;
        let Some(text) = name else {
            let number = *self.unnamed.get_or_insert(next);
            self.note(number, None);
            return (number, 0);
        };
        let word = word_of(text);
        let number = if word != 0 {
            *self.short.entry(word).or_insert(next)
        } else if let Some(number) = self.long.get(text) {
            *number
        } else {
            self.long.insert(text.to_owned(), next);
            next
        };
        self.note(number, Some(text));
        (number, word)
    }

    fn note(&mut self, number: u32, name: Option<&str>) {
        if number as usize == self.by_number.len() {
            self.by_number.push(name.map(str::to_owned));
        }
    }

    /// The name of this number.
    pub(super) fn get(&self, number: u32) -> Option<&str> {
        self.by_number.get(number as usize)?.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_one_number() {
        let long = "a name of more than fifteen bytes";
        let names = ["", "a", "aa", "a\0", "\0", "0123456789abcde", "0123456789abcdef", long];
        let mut numbers = Names::default();
        for _ in 0..2 {
            assert_eq!(numbers.number(None), (0, 0));
            for (number, name) in (1..).zip(names) {
                let (found, word) = numbers.number(Some(name));
                assert_eq!((found, word == 0), (number, name.len() > 15), "{name:?}");
                assert_eq!(numbers.get(number), Some(name));
            }
        }
        assert_eq!((numbers.get(0), numbers.get(99)), (None, None));
    }
}
