//! What can be wrong with a run.

use std::fmt;

/// The property that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    ElectionSafety,
    OneVote,
    LogMatching,
    LeaderCompleteness,
    StateMachineSafety,
    CommittedOnQuorum,
    Monotone,
    WriteAppliedTwice,
    RefusedWriteApplied,
    Absurd,
    StaleRead,
    LostWrite,
    Diverged,
    Liveness,
}

impl Kind {
    /// Whether clients could notice, without looking into any node.
    pub(crate) fn is_visible(self) -> bool {
        matches!(self, Self::StaleRead | Self::LostWrite | Self::Diverged)
    }
}

/// A broken property with what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) kind: Kind,
    pub(crate) what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}: {}", self.kind, self.what)
    }
}

/// `Ok` if the property holds.
pub(crate) fn require(
    holds: bool,
    kind: Kind,
    what: impl FnOnce() -> String,
) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation { kind, what: what() }) }
}
