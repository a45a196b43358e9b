//! Small numbers for values, kept for as long as somebody may still see the value.
//!
//! Whole numbers, which most histories have, are looked up by themselves: that is a third of the work, and a third of the
//! memory, which with many objects is what a look-up waits for.

use rustc_hash::FxHashMap;

use crate::Value;

/// Which number each value has.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    ints: FxHashMap<i64, u32>,
    others: FxHashMap<Value, u32>,
}

impl Numbers {
    /// The number of a value, if it has one.
    pub(super) fn get(&self, value: &Value) -> Option<u32> {
        match value {
            Value::Int(int) => self.ints.get(int),
            other => self.others.get(other),
        }
        .copied()
    }

    /// Gives a number to a value that has none.
    pub(super) fn insert(&mut self, value: &Value, number: u32) {
        match value {
            Value::Int(int) => self.ints.insert(*int, number),
            other => self.others.insert(other.clone(), number),
        };
    }

    /// Takes the number from a value.
    pub(super) fn remove(&mut self, value: &Value) {
        match value {
            Value::Int(int) => self.ints.remove(int),
            other => self.others.remove(other),
        };
    }

    /// How many values have one.
    pub(super) fn len(&self) -> usize {
        self.ints.len() + self.others.len()
    }
}
