//! The least of the numbers that belong to a gap or to a later one.

/// By gap (a Fenwick tree from the back).
pub(crate) struct Ends {
    least: Vec<u32>,
}

impl Ends {
    /// All of them `gaps`.
    pub(crate) fn new(gaps: u32) -> Self {
        Self { least: vec![gaps; gaps as usize + 2] }
    }

    /// Notes a number for a gap.
    pub(crate) fn lower(&mut self, gap: u32, end: u32) {
        let mut at = gap as usize + 1;
        while at > 0 {
            self.least[at] = self.least[at].min(end);
            at &= at - 1;
        }
    }

    /// The least number of a gap from this one on.
    pub(crate) fn least_from(&self, gap: u32) -> u32 {
        let mut at = gap as usize + 1;
        let mut least = u32::MAX;
        while at < self.least.len() {
            least = least.min(self.least[at]);
            at += at & at.wrapping_neg();
        }
        least
    }
}
