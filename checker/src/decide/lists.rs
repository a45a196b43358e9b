//! What deciders of growing things share: the lists of element numbers that reads answered, end to end in one array.
//!
//! Reads of a growing list mostly answer a piece of the beginning of what a later one answers. Such lists share their
//! place: what is stored of a history without contradictions is little more than the longest list.

use super::{Refutation, Rule};

/// Stands for no operation, no element, no position.
pub(crate) const NONE: u32 = u32::MAX;

/// A read that has completed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Read {
    /// Its index.
    pub(crate) op: u32,
    /// Position of its invocation.
    pub(crate) call: u32,
    /// Position of its completion.
    pub(crate) ret: u32,
}

impl Read {
    /// It cannot have answered that, because of these others.
    pub(crate) fn refute(self, rule: Rule, others: &[u32]) -> Refutation {
        let ops = others.iter().copied().chain([self.op]).collect();
        Refutation { completion: self.ret, ops, rule }
    }
}

/// The answers of reads, by number.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    elements: Vec<u32>,
    spans: Vec<Span>,
    longest: Span,
}

#[derive(Debug, Clone, Copy, Default)]
struct Span {
    start: usize,
    len: usize,
}

impl Lists {
    /// Puts a list down and gives its number.
    pub(crate) fn add(&mut self, list: impl IntoIterator<Item = u32>) -> u32 {
        let mut list = list.into_iter();
        let Span { start, len } = self.longest;
        let mut shared = 0;
        while let Some(element) = list.next() {
            if shared == len || self.elements[start + shared] != element {
                let start = self.begin_with(shared);
                self.elements.push(element);
                self.elements.extend(list);
                return self.note(Span { start, len: self.elements.len() - start });
            }
            shared += 1;
        }
        self.note(Span { start, len: shared })
    }

    /// The list of this number.
    pub(crate) fn get(&self, number: u32) -> &[u32] {
        let Span { start, len } = self.spans[number as usize];
        &self.elements[start..start + len]
    }

    /// Where a list begins that starts with so many elements of the longest, these in place at the end of the array.
    fn begin_with(&mut self, shared: usize) -> usize {
        let Span { start, len } = self.longest;
        if shared == len && start + len == self.elements.len() {
            return start;
        }
        let copy = self.elements.len();
        self.elements.extend_from_within(start..start + shared);
        copy
    }

    fn note(&mut self, span: Span) -> u32 {
        if span.len > self.longest.len {
            self.longest = span;
        }
        self.spans.push(span);
        u32::try_from(self.spans.len() - 1).expect("fewer than 2^32 lists")
    }
}

#[cfg(test)]
mod tests {
    use super::Lists;

    #[test]
    fn lists_come_back_and_share_their_beginnings() {
        let mut lists = Lists::default();
        let all: [&[u32]; 8] =
            [&[], &[1], &[1, 2, 3], &[1, 2], &[2, 1], &[1, 2, 3, 4], &[1, 2, 3, 4, 5], &[1, 2, 4]];
        let numbers: Vec<u32> = all.iter().map(|list| lists.add(list.iter().copied())).collect();
        for (list, number) in all.iter().zip(&numbers) {
            assert_eq!(lists.get(*number), *list);
        }
        // [1 2 3], [2 1], a second copy from [1 2 3 4] on (another list lay in between), [1 2 4].
        assert_eq!(lists.elements.len(), 3 + 2 + 5 + 3);
    }
}
