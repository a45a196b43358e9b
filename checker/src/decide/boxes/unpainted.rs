//! Gaps that are painted once each, by union-find: a painted gap points to a later one.

/// The gaps that are not painted yet.
pub(crate) struct Unpainted {
    next: Vec<u32>,
}

impl Unpainted {
    pub(crate) fn new(gaps: u32) -> Self {
        Self { next: (0..=gaps).collect() }
    }

    /// The first that is not painted from `gap` on; the number of gaps if there is none.
    pub(crate) fn next(&mut self, gap: u32) -> u32 {
        let mut at = gap;
        while self.next[at as usize] != at {
            let skipped = self.next[self.next[at as usize] as usize];
            self.next[at as usize] = skipped;
            at = skipped;
        }
        at
    }

    /// Paints what is not painted of the gaps `from <= x < to`.
    pub(crate) fn paint(&mut self, from: u32, to: u32, mut brush: impl FnMut(u32)) {
        let mut at = if from < to { self.next(from) } else { to };
        while at < to {
            brush(at);
            // All up to there will have been painted.
            self.next[at as usize] = to;
            at = self.next(at + 1);
        }
    }
}
