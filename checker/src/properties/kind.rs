//! The properties by name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The properties that this crate can check beside linearizability, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PropertyKind {
    /// Transfers between accounts leave the total as it is.
    Bank,
    /// No two reads see two writes in opposite orders.
    LongFork,
    /// A value only grows.
    Monotonic,
    /// Each process sees its own past.
    Session,
    /// What is added to a set stays in it, and when it can be seen.
    SetFull,
    /// No id is handed out twice.
    UniqueIds,
    /// What goes into a queue comes out, once.
    TotalQueue,
    /// A counter is read within its bounds.
    Counter,
    /// Logs with offsets, as Kafka has them.
    Log,
}

impl PropertyKind {
    /// Every property, in the order in which to list them.
    pub const ALL: [Self; 9] = [
        Self::Bank,
        Self::LongFork,
        Self::Monotonic,
        Self::Session,
        Self::SetFull,
        Self::UniqueIds,
        Self::TotalQueue,
        Self::Counter,
        Self::Log,
    ];

    /// Its name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bank => "bank",
            Self::LongFork => "long-fork",
            Self::Monotonic => "monotonic",
            Self::Session => "session",
            Self::SetFull => "set-full",
            Self::UniqueIds => "unique-ids",
            Self::TotalQueue => "total-queue",
            Self::Counter => "counter",
            Self::Log => "log",
        }
    }

    /// One line for a list of properties.
    pub fn summary(self) -> &'static str {
        match self {
            Self::Bank => {
                "transfers leave the total of all accounts as it is, no balance below zero"
            }
            Self::LongFork => "no two reads see two writes in opposite orders",
            Self::Monotonic => "a value that only grows, for everybody or for each process",
            Self::Session => {
                "read your writes, monotonic reads, monotonic writes, writes follow reads"
            }
            Self::SetFull => "what is added stays, nothing twice; how soon it is seen for good",
            Self::UniqueIds => "no id is handed out twice",
            Self::TotalQueue => "what goes into a queue comes out of it, and nothing else or twice",
            Self::Counter => "reads between what surely and what possibly was added",
            Self::Log => "logs with offsets: nothing lost, doubled, skipped or out of order",
        }
    }

    /// The functions that operations may have.
    pub fn functions(self) -> &'static [&'static str] {
        match self {
            Self::Bank => &["read", "transfer"],
            Self::LongFork => &["read", "write", "txn"],
            Self::Monotonic => &["read", "inc"],
            Self::Session => &["read", "write"],
            Self::SetFull => &["add", "read"],
            Self::UniqueIds => &["generate"],
            Self::TotalQueue => &["enqueue", "dequeue", "drain"],
            Self::Counter => &["read", "add", "inc", "dec"],
            Self::Log => {
                &["send", "poll", "txn", "assign", "subscribe", "crash", "debug-topic-partitions"]
            }
        }
    }

    /// The arguments and answers that these functions have, one line a function.
    pub fn shapes(self) -> &'static [&'static str] {
        match self {
            Self::Bank => &[
                "read -> [[account balance] ...]",
                "transfer [from to amount], or [[from a] [to b] [amount n]]",
            ],
            Self::LongFork => &[
                "write [[w k v]]: each k is written once",
                "read [[r k nil] ...] -> [[r k v] ...]: nil before the write",
                "txn: either of these",
            ],
            Self::Monotonic => &[
                "read -> a whole number, or [[k n] ...] of several values; nil before the first",
                "inc -> the new value, likewise; or nil",
            ],
            Self::Session => {
                &["write v: each v once an object", "read -> v, or nil before the first write"]
            }
            Self::SetFull => &["add x", "read -> [x ...]"],
            Self::UniqueIds => &["generate -> an id"],
            Self::TotalQueue => {
                &["enqueue v", "dequeue -> v, or nil if empty", "drain -> [v ...], until empty"]
            }
            Self::Counter => &[
                "add n: n may be below zero",
                "inc n, dec n: by 1 without n",
                "read -> a whole number; nil before the first",
            ],
            Self::Log => &[
                "send [[send k v] ...] -> [[send k [offset v]] ...]: each v once a log",
                "poll [[poll] ...] -> [[poll [[k [[offset v] ...]] ...]] ...]",
                "txn: both together",
                "assign [k ...], subscribe [k ...]: where polls go on from is open again",
                "crash, debug-topic-partitions: passed over",
            ],
        }
    }

    /// The property of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for PropertyKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
