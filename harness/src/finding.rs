//! What is wrong with a cluster, and who found it.
//!
//! Oracles know nothing of each other. That of the history is the checker; the others see what no client can: nodes from
//! inside, clusters that do not come back, processes that end.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who found something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "oracle", content = "name")]
pub enum Oracle {
    /// The checker: no order of events explains what clients saw.
    Linearizability,
    /// A look inside: this invariant does not hold.
    Invariant(String),
    /// The healed cluster does not do in time what it should.
    Liveness,
    /// A process broke, or refused to start.
    Crash,
}

impl fmt::Display for Oracle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linearizability => out.write_str("linearizability"),
            Self::Invariant(name) => write!(out, "invariant {name}"),
            Self::Liveness => out.write_str("liveness"),
            Self::Crash => out.write_str("crash"),
        }
    }
}

/// Something that is wrong with the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Who found it.
    #[serde(flatten)]
    pub oracle: Oracle,
    /// When, in nanoseconds since the run began.
    pub at: u64,
    /// What, in words.
    pub what: String,
}
