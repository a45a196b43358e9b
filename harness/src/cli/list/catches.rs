//! Which run catches which built-in bug, and how often it did when that was last measured.

use std::fmt;

use crate::bugs::Bug;
use serde::Serialize;

/// How to catch a bug.
#[derive(Debug, Clone, Copy)]
pub(super) struct Catch {
    /// Arguments of `rashomon run`.
    pub(super) arguments: &'static str,
    /// How often that worked.
    pub(super) rate: Rate,
}

/// Runs that ended with exit code 1, out of all.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Rate {
    /// Runs that found it.
    caught: u32,
    /// All runs.
    runs: u32,
}

impl fmt::Display for Rate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "in {} of {} runs", self.caught, self.runs)
    }
}

/// The run that catches `bug`, measured over seeds 1 to 10 with two to five runs at a time on two busy cores.
pub(super) const fn catch(bug: Bug) -> Catch {
    match bug {
        Bug::LocalLeaderRead => measured("--bug local-leader-read", 10),
        Bug::FollowerLocalRead => measured("--bug follower-local-read", 10),
        // What is lost is what a leader acknowledged between the cut and its stepping down, an election timeout later: a few
        // writes, or none. With the default faults that happens once or twice in a run, which caught it in 7 of 10.
        Bug::CommitMinority => {
            measured("--bug commit-minority --faults partition-leader-alone", 10)
        }
        Bug::AckOnAppend => measured("--bug ack-on-append", 10),
        Bug::AckBeforeFsync => measured("--bug ack-before-fsync --faults kill", 10),
        Bug::VoteIgnoresLog => measured("--bug vote-ignores-log --faults laggard-election", 8),
        Bug::HalfQuorum => measured("--bug half-quorum --nodes 4 --faults partition", 10),
        Bug::ApplyOnReceipt => measured("--bug apply-on-receipt", 10),
    }
}

const fn measured(arguments: &'static str, caught: u32) -> Catch {
    Catch { arguments, rate: Rate { caught, runs: 10 } }
}
