//! What a check of transactions found, for people and for programs.

use serde::{Deserialize, Serialize};

use super::Family;
use super::anomaly::Anomaly;
use super::consistency::Consistency;
use crate::check::Validity;
use crate::history::OpId;
use crate::stop;

/// The verdict on a history of transactions, and all that it rests on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TransactionReport {
    /// Whether the history can come from a store of this consistency.
    ///
    /// `Invalid` is certain. `Valid` is certain where [`TransactionReport::proven`] says so, else it means that nothing
    /// was found.
    pub validity: Validity,
    /// Why it is unknown, or a sentence on what is wrong.
    pub reason: Option<String>,
    /// Whether a valid history was proven to be so: every order that follows from what was read is free of circles, and
    /// nothing else can go wrong.
    pub proven: bool,
    /// The model that it was held against.
    pub consistency: Consistency,
    /// What the transactions do.
    pub family: Family,
    /// All transactions.
    pub transactions: usize,
    /// Those that completed and took effect.
    pub committed: usize,
    /// Those of unknown outcome.
    pub crashed: usize,
    /// Those of unknown outcome of which some read shows that they took effect.
    pub crashed_but_seen: usize,
    /// Keys that were read or written.
    pub keys: usize,
    /// Values that more than one micro-operation can have written, so that nothing follows from reads of them.
    pub ambiguous_values: usize,
    /// What was found, forbidden or not: worst first.
    pub anomalies: Vec<FoundAnomaly>,
    /// Every consistency model that the history rules out, weaker ones first.
    pub ruled_out: Vec<Consistency>,
    /// Of these the weakest: they say it all.
    pub weakest_ruled_out: Vec<Consistency>,
    /// Anomalies that were looked for in vain, but not everywhere, because it would have taken too long.
    pub not_searched_through: Vec<Anomaly>,
}

impl TransactionReport {
    /// Says why the check was told to stop, if it was: only the caller knows.
    pub fn name_the_stop(&mut self, cause: &str) {
        stop::name(&mut self.reason, cause);
    }
}

/// An anomaly and a few examples of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FoundAnomaly {
    /// Its name.
    pub anomaly: Anomaly,
    /// What the name means.
    pub meaning: String,
    /// Whether the consistency asked for forbids it.
    pub forbidden: bool,
    /// The first few.
    pub examples: Vec<Example>,
    /// Whether there is or may be more of it.
    pub more: bool,
}

/// One occurrence of an anomaly.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Example {
    /// It in words.
    pub text: String,
    /// The transactions in it, in order of invocation.
    pub transactions: Vec<ShownTransaction>,
    /// For a cycle: its edges, each from where the last one ended; the last one ends where the first begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cycle: Vec<ShownEdge>,
}

/// A transaction as an example shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ShownTransaction {
    /// How sentences name it: `T3` is operation 3.
    pub name: String,
    /// The operation.
    pub op: OpId,
    /// Whose it is.
    pub process: u64,
    /// Position of its invocation.
    pub call: u64,
    /// Position of its completion, if its outcome is known.
    pub ret: Option<u64>,
    /// Its micro-operations, with the reads filled in.
    pub text: String,
}

/// Why one transaction comes before another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ShownEdge {
    /// The one that comes first.
    pub from: OpId,
    /// The one that comes later.
    pub to: OpId,
    /// What kind of dependency it is.
    pub kind: EdgeKind,
    /// The evidence in words.
    pub text: String,
}

/// Kinds of dependencies between transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EdgeKind {
    /// The second wrote after the first did.
    Ww,
    /// The second read what the first wrote.
    Wr,
    /// The first did not see what the second wrote.
    Rw,
    /// The second followed the first in the same process.
    Process,
    /// The first completed before the second was invoked.
    Realtime,
}
