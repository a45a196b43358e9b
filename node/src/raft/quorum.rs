//! How many members are enough: for votes, for confirming a leader, and for committing.
//!
//! Any two quorums of a kind share a member; that is the whole reason why Raft is safe (section 5.4.3). Some built-in
//! bugs live here, because each breaks exactly this: `half-quorum`, `majority-const-3` and `commit-minority`.

use super::types::LogIndex;
use crate::bugs::{Bug, Bugs};

/// The counts that decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quorum {
    members: usize,
    votes: usize,
    commit: usize,
}

impl Quorum {
    /// Quorums of a cluster of `members`.
    pub(super) fn new(members: usize, bugs: Bugs) -> Self {
        assert!(members > 0, "a cluster without members");
        let halves = bugs.has(Bug::HalfQuorum) && members.is_multiple_of(2);
        let majority = if halves { members / 2 } else { members / 2 + 1 };
        let votes = if bugs.has(Bug::MajorityConst3) { members.min(3) } else { majority };
        let commit =
            if bugs.has(Bug::CommitMinority) { votes.saturating_sub(1).max(1) } else { votes };
        Self { members, votes, commit }
    }

    /// Whether `granted` different members decide an election.
    pub(super) fn won(self, granted: usize) -> bool {
        granted >= self.votes
    }

    /// Whether an election cannot be won any more once `rejected` different members said no.
    pub(super) fn lost(self, rejected: usize) -> bool {
        self.members.saturating_sub(rejected) < self.votes
    }

    /// The highest value that a quorum has reached; `values` has one for each member.
    pub(super) fn reached<T: Ord + Copy>(self, values: impl Iterator<Item = T> + Clone) -> T {
        self.kth_largest(values, self.votes)
    }

    /// The highest index that enough members have for it to be committed; `matched` has one for each member.
    pub(super) fn committed(self, matched: impl Iterator<Item = LogIndex> + Clone) -> LogIndex {
        self.kth_largest(matched, self.commit)
    }

    /// Counts instead of sorting: there are few members, this is asked several times a turn, and a list would have to be
    /// made each time.
    fn kth_largest<T: Ord + Copy>(self, values: impl Iterator<Item = T> + Clone, k: usize) -> T {
        let count = values.clone().count();
        assert!(count == self.members, "{count} values for {} members", self.members);
        let all = values.clone();
        let reached = |value: &T| all.clone().filter(|other| other >= value).count() >= k;
        let kth = values.filter(reached).max();
        kth.expect("the lowest value is reached by all members")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn majorities_of_one_to_seven_members() {
        for (members, needed) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4), (7, 4)] {
            let quorum = Quorum::new(members, Bugs::NONE);
            assert!(quorum.won(needed), "{needed} of {members}");
            assert!(!quorum.won(needed - 1), "{} of {members}", needed - 1);
            assert!(quorum.lost(members - needed + 1), "{members}");
            assert!(!quorum.lost(members - needed), "{members}");
            assert_eq!(quorum.commit, needed, "{members}");
        }
    }

    #[test]
    fn reached_is_the_value_that_a_quorum_has() {
        let three = Quorum::new(3, Bugs::NONE);
        assert_eq!(three.reached([9, 4, 1].into_iter()), 4);
        assert_eq!(three.committed([7, 0, 0].map(LogIndex).into_iter()), LogIndex(0));
        let four = Quorum::new(4, Bugs::NONE);
        assert_eq!(four.reached([1, 2, 3, 4].into_iter()), 2);
        assert_eq!(Quorum::new(1, Bugs::NONE).reached([5].into_iter()), 5);
    }

    #[test]
    fn half_quorum_shows_with_an_even_number_only() {
        let bugs = Bugs::NONE.with(Bug::HalfQuorum);
        assert!(Quorum::new(4, bugs).won(2));
        assert!(Quorum::new(2, bugs).won(1));
        assert!(!Quorum::new(3, bugs).won(1));
        assert!(!Quorum::new(5, bugs).won(2));
    }

    #[test]
    fn commit_minority_needs_one_less_but_votes_do_not() {
        let bugs = Bugs::NONE.with(Bug::CommitMinority);
        let five = Quorum::new(5, bugs);
        let matched = [9, 8, 1, 1, 1].map(LogIndex).into_iter();
        assert_eq!(five.committed(matched), LogIndex(8));
        assert!(!five.won(2));
        assert_eq!(Quorum::new(1, bugs).committed([LogIndex(3)].into_iter()), LogIndex(3));
    }
}
