//! Values in a word each.
//!
//! Whole numbers of up to 61 bits, pairs of numbers of up to 30 bits (compare-and-sets), nil and the truth values fit into
//! the word itself. Of a text the word is a number, the same for equal texts. A list of such things is kept as words.
//! Everything else (lists of lists, larger numbers) is kept as it is. Lists and these are kept once for each time they
//! occur, as looking for equal ones would cost more than it saves.

use std::borrow::Cow;
use std::fmt;
use std::mem::size_of;

use rustc_hash::FxHashMap;

use crate::value::Value;

const TAG_BITS: u32 = 3;
const TAG_MASK: u64 = (1 << TAG_BITS) - 1;
const INT: u64 = 0;
const PLAIN: u64 = 1;
const TEXT: u64 = 2;
const KEPT: u64 = 3;
const PAIR: u64 = 4;
const LIST: u64 = 5;

/// Bits of each number of a pair.
const HALF_BITS: u32 = 30;
const HALF_MASK: u64 = (1 << HALF_BITS) - 1;

/// A value in a word, as kept by a [`Values`]. Two words of one [`Values`] that are equal stand for equal values; the
/// reverse holds unless one [`Packed::is_kept`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Packed(u64);

impl Packed {
    pub(crate) const NIL: Self = Self(PLAIN);
    const FALSE: Self = Self(PLAIN | 1 << TAG_BITS);
    const TRUE: Self = Self(PLAIN | 2 << TAG_BITS);

    /// The word of a whole number, if it fits.
    pub(crate) fn int(number: i64) -> Option<Self> {
        let word = number << TAG_BITS;
        (word >> TAG_BITS == number).then_some(Self(word.cast_unsigned() | INT))
    }

    /// The whole number, if it is one that fits into the word.
    pub(crate) fn as_int(self) -> Option<i64> {
        (self.0 & TAG_MASK == INT).then_some(self.0.cast_signed() >> TAG_BITS)
    }

    /// The word of a pair of whole numbers, if both fit.
    fn pair(items: &[Value]) -> Option<Self> {
        let [Value::Int(first), Value::Int(second)] = items else { return None };
        Some(Self(half(*first)? << (HALF_BITS + TAG_BITS) | half(*second)? << TAG_BITS | PAIR))
    }

    /// The two whole numbers, if it is such a pair, as words.
    pub(crate) fn as_pair(self) -> Option<(Self, Self)> {
        let (first, second) = self.halves()?;
        Self::int(first).zip(Self::int(second))
    }

    fn halves(self) -> Option<(i64, i64)> {
        let whole = |half: u64| (half << (64 - HALF_BITS)).cast_signed() >> (64 - HALF_BITS);
        let halves = (self.0 >> (HALF_BITS + TAG_BITS) & HALF_MASK, self.0 >> TAG_BITS & HALF_MASK);
        (self.0 & TAG_MASK == PAIR).then(|| (whole(halves.0), whole(halves.1)))
    }

    /// Whether equal values may have another word.
    pub(crate) fn is_kept(self) -> bool {
        matches!(self.0 & TAG_MASK, KEPT | LIST)
    }

    fn number(self) -> usize {
        (self.0 >> TAG_BITS) as usize
    }

    fn numbered(tag: u64, number: usize) -> Self {
        Self((number as u64) << TAG_BITS | tag)
    }
}

/// A number in the bits of half a pair.
fn half(number: i64) -> Option<u64> {
    let bits = number.cast_unsigned() & HALF_MASK;
    let back = (bits << (64 - HALF_BITS)).cast_signed() >> (64 - HALF_BITS);
    (back == number).then_some(bits)
}

impl fmt::Debug for Packed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 & TAG_MASK {
            INT => write!(out, "int {}", self.0.cast_signed() >> TAG_BITS),
            PLAIN => write!(out, "plain {}", self.number()),
            TEXT => write!(out, "text {}", self.number()),
            PAIR => write!(out, "pair {:?}", self.halves()),
            LIST => write!(out, "list {}", self.number()),
            _ => write!(out, "kept {}", self.number()),
        }
    }
}

/// What the words of a history stand for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values {
    numbers: FxHashMap<String, usize>,
    texts: Vec<Value>,
    kept: Vec<Value>,
    /// The elements of all lists.
    elements: Vec<Packed>,
    /// By list: where its elements end.
    ends: Vec<usize>,
    heap: usize,
    range: Range,
}

/// Which values there are.
#[derive(Debug, Clone, Copy)]
struct Range {
    lowest: i64,
    highest: i64,
    /// There are values beside nil, whole numbers and pairs of them.
    others: bool,
}

impl Default for Range {
    fn default() -> Self {
        Self { lowest: i64::MAX, highest: i64::MIN, others: false }
    }
}

impl Range {
    fn note(&mut self, word: Packed) {
        if let Some(number) = word.as_int() {
            self.lowest = self.lowest.min(number);
            self.highest = self.highest.max(number);
        } else if let Some((first, second)) = word.halves() {
            self.lowest = self.lowest.min(first).min(second);
            self.highest = self.highest.max(first).max(second);
        } else {
            self.others |= word != Packed::NIL;
        }
    }
}

impl Values {
    pub(crate) fn pack(&mut self, value: Value) -> Packed {
        let word = self.word(value);
        self.range.note(word);
        word
    }

    fn word(&mut self, value: Value) -> Packed {
        match value {
            Value::Nil => Packed::NIL,
            Value::Bool(false) => Packed::FALSE,
            Value::Bool(true) => Packed::TRUE,
            Value::Int(number) => {
                Packed::int(number).unwrap_or_else(|| self.keep(Value::Int(number)))
            }
            Value::Text(text) => self.text(text),
            Value::List(items) => Packed::pair(&items).unwrap_or_else(|| self.list(items)),
        }
    }

    fn list(&mut self, items: Vec<Value>) -> Packed {
        let plain = |item: &Value| match item {
            Value::List(_) => false,
            Value::Int(number) => Packed::int(*number).is_some(),
            Value::Nil | Value::Bool(_) | Value::Text(_) => true,
        };
        if !items.iter().all(plain) {
            return self.keep(Value::List(items));
        }
        self.elements.reserve(items.len());
        for item in items {
            let word = self.word(item);
            self.elements.push(word);
        }
        self.ends.push(self.elements.len());
        Packed::numbered(LIST, self.ends.len() - 1)
    }

    /// The word that stands for this value wherever it occurs, if there is one word and it occurs.
    pub(crate) fn find(&self, value: &Value) -> Option<Packed> {
        match value {
            Value::Nil => Some(Packed::NIL),
            Value::Bool(truth) => Some(if *truth { Packed::TRUE } else { Packed::FALSE }),
            Value::Int(number) => Packed::int(*number),
            Value::Text(text) => {
                self.numbers.get(text).map(|number| Packed::numbered(TEXT, *number))
            }
            Value::List(items) => Packed::pair(items),
        }
    }

    fn text(&mut self, text: String) -> Packed {
        if let Some(number) = self.numbers.get(text.as_str()) {
            return Packed::numbered(TEXT, *number);
        }
        let number = self.texts.len();
        self.heap += 2 * text.capacity();
        self.texts.push(Value::Text(text.clone()));
        self.numbers.insert(text, number);
        Packed::numbered(TEXT, number)
    }

    fn keep(&mut self, value: Value) -> Packed {
        self.heap += heap_bytes(&value);
        self.kept.push(value);
        Packed::numbered(KEPT, self.kept.len() - 1)
    }

    /// The lowest and the highest number, if there is nothing beside nil, whole numbers and pairs of them, and if they are
    /// at most `room` apart.
    pub(crate) fn numbers_within(&self, room: u64) -> Option<(i64, i64)> {
        let Range { lowest, highest, others } = self.range;
        if lowest > highest {
            return (!others).then_some((0, 0));
        }
        (!others && highest.abs_diff(lowest) <= room).then_some((lowest, highest))
    }

    /// The lowest and the highest whole number, where there is one. What is in lists does not count.
    pub(crate) fn range(&self) -> Option<(i64, i64)> {
        let Range { lowest, highest, .. } = self.range;
        (lowest <= highest).then_some((lowest, highest))
    }

    /// Whether equal values may have different words.
    pub(crate) fn any_kept(&self) -> bool {
        !self.kept.is_empty() || !self.ends.is_empty()
    }

    /// Whether the elements of each list are told apart by their words, and whatever is no list.
    pub(crate) fn are_words(&self) -> bool {
        self.kept.is_empty()
    }

    /// What is kept as it is.
    pub(crate) fn kept(&self, word: Packed) -> Option<&Value> {
        (word.0 & TAG_MASK == KEPT).then(|| &self.kept[word.number()])
    }

    /// The elements of a list of which each is a word that tells it apart. Pairs of small numbers are no such lists, see
    /// [`Packed::as_pair`].
    pub(crate) fn list_of(&self, word: Packed) -> Option<&[Packed]> {
        let number = word.number();
        let start = || number.checked_sub(1).map_or(0, |before| self.ends[before]);
        (word.0 & TAG_MASK == LIST).then(|| &self.elements[start()..self.ends[number]])
    }

    pub(crate) fn get(&self, word: Packed) -> Cow<'_, Value> {
        if let Some((first, second)) = word.halves() {
            return Cow::Owned(Value::List(vec![Value::Int(first), Value::Int(second)]));
        }
        match word.0 & TAG_MASK {
            INT => Cow::Owned(Value::Int(word.0.cast_signed() >> TAG_BITS)),
            TEXT => Cow::Borrowed(&self.texts[word.number()]),
            KEPT => Cow::Borrowed(&self.kept[word.number()]),
            LIST => {
                let words = self.list_of(word).unwrap_or_default().iter();
                Cow::Owned(Value::List(words.map(|word| self.get(*word).into_owned()).collect()))
            }
            _ if word == Packed::NIL => Cow::Owned(Value::Nil),
            _ => Cow::Owned(Value::Bool(word == Packed::TRUE)),
        }
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        let table = self.numbers.capacity() * (size_of::<(String, usize)>() + 1) * 8 / 7;
        let values = (self.texts.capacity() + self.kept.capacity()) * size_of::<Value>();
        let lists = self.elements.capacity() * size_of::<Packed>()
            + self.ends.capacity() * size_of::<usize>();
        self.heap + table + values + lists
    }
}

/// Heap memory of a value, roughly.
pub(crate) fn heap_bytes(value: &Value) -> usize {
    match value {
        Value::Nil | Value::Bool(_) | Value::Int(_) => 0,
        Value::Text(text) => text.len(),
        Value::List(items) => items.iter().map(|item| size_of::<Value>() + heap_bytes(item)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_back_and_equal_small_ones_have_equal_words() {
        let mut values = Values::default();
        let edge = 1_i64 << 60;
        let numbers = [0, 1, -1, edge - 1, -edge, edge, -edge - 1, i64::MAX, i64::MIN];
        let mut all: Vec<Value> = numbers.into_iter().map(Value::Int).collect();
        all.extend([Value::Nil, Value::Bool(false), Value::Bool(true)]);
        all.extend([Value::from(""), Value::from("a"), Value::List(vec![])]);
        let list = vec![Value::Int(1), Value::from("a"), Value::Nil, Value::Bool(true)];
        all.extend([Value::List(list.clone()), Value::List(vec![Value::List(list)])]);
        all.push(Value::List(vec![Value::Int(edge), Value::Int(1), Value::Int(2)]));
        let half = 1_i64 << 29;
        for (first, second) in [(0, 0), (-1, 1), (half - 1, -half), (half, 0), (0, -half - 1)] {
            all.push(Value::List(vec![Value::Int(first), Value::Int(second)]));
        }
        for value in &all {
            let word = values.pack(value.clone());
            assert_eq!(values.get(word).as_ref(), value);
            let again = values.pack(value.clone());
            assert_eq!(values.get(again).as_ref(), value);
            assert!(word == again || word.is_kept(), "{value}");
        }
        assert_eq!(Packed::int(edge), None);
        assert_eq!(Packed::int(-edge).and_then(Packed::as_int), Some(-edge));
    }
}
