//! What was found so far: a few examples of each anomaly, in words.

use std::collections::BTreeMap;

use super::anomaly::Anomaly;
use super::report::{Example, ShownEdge, ShownTransaction};
use super::words::{self, Words};

/// Examples by anomaly; no more than a caller wants.
pub(super) struct Findings<'a> {
    words: Words<'a>,
    examples_max: usize,
    found: BTreeMap<Anomaly, Found>,
}

/// The examples of one anomaly.
#[derive(Default)]
pub(super) struct Found {
    pub(super) examples: Vec<Example>,
    /// Whether there is or may be more of it.
    pub(super) more: bool,
}

impl<'a> Findings<'a> {
    pub(super) fn new(words: Words<'a>, examples_max: usize) -> Self {
        Self { words, examples_max: examples_max.max(1), found: BTreeMap::new() }
    }

    pub(super) fn names(&self) -> Vec<Anomaly> {
        self.found.keys().copied().collect()
    }

    /// Whether no more examples of this anomaly are wanted.
    pub(super) fn is_full(&self, anomaly: Anomaly) -> bool {
        self.found.get(&anomaly).is_some_and(|found| found.examples.len() >= self.examples_max)
    }

    /// Notes that an anomaly may occur more often than there are examples.
    pub(super) fn may_have_more(&mut self, anomaly: Anomaly) {
        if let Some(found) = self.found.get_mut(&anomaly) {
            found.more = true;
        }
    }

    /// An anomaly that is no cycle. The text is only asked for if the example is kept.
    pub(super) fn add(
        &mut self,
        anomaly: Anomaly,
        txns: &[u32],
        text: impl FnOnce(Words<'a>) -> String,
    ) {
        if self.is_full(anomaly) {
            self.may_have_more(anomaly);
            return;
        }
        let text = text(self.words);
        self.push(anomaly, txns, Vec::new(), text);
    }

    /// A cycle: its transactions in order, and its edges.
    pub(super) fn add_cycle(&mut self, anomaly: Anomaly, txns: &[u32], edges: Vec<ShownEdge>) {
        if self.is_full(anomaly) {
            self.may_have_more(anomaly);
            return;
        }
        let text = words::cycle(txns);
        self.push(anomaly, txns, edges, text);
    }

    fn push(&mut self, anomaly: Anomaly, txns: &[u32], edges: Vec<ShownEdge>, text: String) {
        let mut shown: Vec<u32> = txns.to_vec();
        shown.sort_unstable();
        shown.dedup();
        let transactions: Vec<ShownTransaction> =
            shown.into_iter().map(|txn| self.words.shown(txn)).collect();
        let example = Example { text, transactions, cycle: edges };
        self.found.entry(anomaly).or_default().examples.push(example);
    }

    pub(super) fn into_found(self) -> BTreeMap<Anomaly, Found> {
        self.found
    }
}
