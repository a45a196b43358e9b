//! Texts that recur all the time (functions, keys, nodes), by number.

use rustc_hash::FxHashMap;

/// Names that are compared one by one before the table is asked: for functions and nodes there are no more.
const COMPARED_MAX: usize = 8;

/// Numbers names in the order in which they are first seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    numbers: FxHashMap<String, u32>,
    names: Vec<String>,
}

impl Names {
    /// The number of `name`, a new one if it has none.
    pub(crate) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.find(name) {
            return number;
        }
        let number = self.names.len() as u32;
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        number
    }

    /// The number of `name`, if it has one.
    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        if self.names.len() <= COMPARED_MAX {
            return self.names.iter().position(|known| known == name).map(|at| at as u32);
        }
        self.numbers.get(name).copied()
    }

    pub(crate) fn get(&self, number: u32) -> &str {
        &self.names[number as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// All names, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}
