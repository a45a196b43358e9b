//! Known consensus bugs as switches, all off by default.
//!
//! Each is one wrong line somewhere in this crate, guarded by [`Bugs::has`]. Identifiers such as `R01` are those of the
//! project's bug catalogue.

use std::fmt;
use std::str::FromStr;

/// One built-in bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bug {
    /// R01: a leader answers reads from its own state without asking a quorum, and (CheckQuorum off) leads on however long
    /// it hears none.
    LocalLeaderRead,
    /// R02: every node answers linearizable reads from its own state.
    FollowerLocalRead,
    /// C02: one acknowledgement less than a majority commits.
    CommitMinority,
    /// C07: a write is answered when the leader has appended it, before it is committed.
    AckOnAppend,
    /// P01: nothing waits for the disk, which is synced in the background once a second. A SIGKILL takes acknowledged
    /// entries with it, and terms and votes as well, so that a node may vote twice in one term.
    AckBeforeFsync,
    /// E06: votes are granted without comparing logs.
    VoteIgnoresLog,
    /// E11: half of the members count as a quorum (shows with an even number of nodes).
    HalfQuorum,
    /// A01: entries are applied when they are received, before they are committed. On a leader that is when it appends
    /// them, and what is applied is answered: so this is C07 as well, with true answers in place of promised ones.
    ApplyOnReceipt,
}

impl Bug {
    /// All of them, in the order of `rashomon list bugs`.
    pub const ALL: [Self; 8] = [
        Self::LocalLeaderRead,
        Self::FollowerLocalRead,
        Self::CommitMinority,
        Self::AckOnAppend,
        Self::AckBeforeFsync,
        Self::VoteIgnoresLog,
        Self::HalfQuorum,
        Self::ApplyOnReceipt,
    ];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LocalLeaderRead => "local-leader-read",
            Self::FollowerLocalRead => "follower-local-read",
            Self::CommitMinority => "commit-minority",
            Self::AckOnAppend => "ack-on-append",
            Self::AckBeforeFsync => "ack-before-fsync",
            Self::VoteIgnoresLog => "vote-ignores-log",
            Self::HalfQuorum => "half-quorum",
            Self::ApplyOnReceipt => "apply-on-receipt",
        }
    }

    /// The identifier in the bug catalogue.
    pub const fn id(self) -> &'static str {
        match self {
            Self::LocalLeaderRead => "R01",
            Self::FollowerLocalRead => "R02",
            Self::CommitMinority => "C02",
            Self::AckOnAppend => "C07",
            Self::AckBeforeFsync => "P01",
            Self::VoteIgnoresLog => "E06",
            Self::HalfQuorum => "E11",
            Self::ApplyOnReceipt => "A01",
        }
    }

    /// What is wrong, in one line.
    pub const fn summary(self) -> &'static str {
        match self {
            Self::LocalLeaderRead => {
                "a leader answers reads without asking a quorum, and leads on without one"
            }
            Self::FollowerLocalRead => "every node answers reads from its own state",
            Self::CommitMinority => "one acknowledgement less than a majority commits",
            Self::AckOnAppend => "a write is answered before it is committed",
            Self::AckBeforeFsync => "neither acknowledgements nor votes wait for the disk",
            Self::VoteIgnoresLog => "votes are granted without comparing logs",
            Self::HalfQuorum => "half of the members count as a quorum (needs an even number)",
            Self::ApplyOnReceipt => {
                "entries are applied, and writes answered, before they are committed"
            }
        }
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// A name that no built-in bug has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no built-in bug is called {0:?}")]
pub struct UnknownBug(pub String);

impl FromStr for Bug {
    type Err = UnknownBug;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|bug| bug.name() == name || bug.id().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownBug(name.to_owned()))
    }
}

/// The set of bugs that are switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bugs(u64);

impl Bugs {
    /// A correct build.
    pub const NONE: Self = Self(0);

    /// Whether `bug` is switched on.
    pub const fn has(self, bug: Bug) -> bool {
        self.0 & (1 << bug as u64) != 0
    }

    /// Whether one of them can lose or replace committed entries inside the Raft core. Then the core's invariants about
    /// committed entries are not asserted, and it does what naive code would do: the process has to live on for clients to
    /// see the damage.
    pub const fn may_lose_committed(self) -> bool {
        self.has(Bug::CommitMinority)
            || self.has(Bug::AckBeforeFsync)
            || self.has(Bug::VoteIgnoresLog)
            || self.has(Bug::HalfQuorum)
            || self.has(Bug::ApplyOnReceipt)
    }

    /// This set and `bug`.
    #[must_use]
    pub const fn with(self, bug: Bug) -> Self {
        Self(self.0 | (1 << bug as u64))
    }
}

impl FromIterator<Bug> for Bugs {
    fn from_iter<I: IntoIterator<Item = Bug>>(bugs: I) -> Self {
        bugs.into_iter().fold(Self::NONE, Self::with)
    }
}
