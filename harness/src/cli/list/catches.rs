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

/// What catches `bug`, if that was measured.
pub(super) fn catch(bug: Bug) -> Option<Catch> {
    CATCHES.iter().find(|(caught, _)| *caught == bug).map(|(_, catch)| *catch)
}

/// Measured over seeds 1 to 10 with two to four runs at a time on two cores.
const CATCHES: [(Bug, Catch); 8] = [
    (Bug::VoteIgnoresLog, measured("--bug vote-ignores-log --faults laggard-election", 10)),
    // Of all partitions only this one leaves two halves.
    (Bug::HalfQuorum, measured("--bug half-quorum --nodes 4 --faults partition-halves", 10)),
    // The default faults cut the leader off only once or twice in a run, and each time only a few writes are lost.
    (Bug::CommitMinority, measured("--bug commit-minority --faults partition-leader-alone", 10)),
    (Bug::AckOnAppend, measured("--bug ack-on-append", 10)),
    (Bug::AckBeforeFsync, measured("--bug ack-before-fsync --faults kill", 10)),
    (Bug::LocalLeaderRead, measured("--bug local-leader-read", 10)),
    (Bug::FollowerLocalRead, measured("--bug follower-local-read", 10)),
    (Bug::ApplyOnReceipt, measured("--bug apply-on-receipt", 10)),
];

const fn measured(arguments: &'static str, caught: u32) -> Catch {
    Catch { arguments, rate: Rate { caught, runs: 10 } }
}
