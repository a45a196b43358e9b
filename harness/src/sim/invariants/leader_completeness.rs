//! A new leader has every entry that was committed in earlier terms.
//!
//! Why: a committed entry is on a majority, a leader has the votes of another one, and nobody votes for a log that is
//! behind its own. Looked at is the last of those entries; that the rest is there too is log matching.
//!
//! Does not see: a leader that lost its office within the turn; entries that were committed in the leader's own term or a
//! later one (an election may be won late, by votes from before).

use rashomon_node::raft::Term;

use super::{About, Invariant, comes_to_lead, entry, id};
use crate::sim::watch::{Shadows, Sight, SightKind, behind};

pub(super) const ABOUT: About = About {
    name: "leader-completeness",
    holds: "a new leader has all entries that were committed in earlier terms",
    source: "Raft, figure 3 and 5.4.3",
    sees: &[SightKind::Turned],
    make: |_| Box::new(LeaderCompleteness),
};

#[derive(Debug)]
struct LeaderCompleteness;

impl Invariant for LeaderCompleteness {
    fn see(&mut self, sight: &Sight<'_>, shadows: &Shadows) -> Option<String> {
        let Sight::Turned { node, status, .. } = sight else { return None };
        if !comes_to_lead(*node, status, shadows) {
            return None;
        }
        lacks(*node, status.term, shadows)
    }
}

fn lacks(node: usize, term: Term, shadows: &Shadows) -> Option<String> {
    let earlier = shadows.committed_in.iter().rposition(|committed| *committed < term)?;
    let shadow = &shadows.nodes[node];
    if shadow.written.get(earlier) == shadows.committed.get(earlier) {
        return None;
    }
    let mut places = 0..=earlier;
    let place = places.find(|at| shadow.written.get(*at) != shadows.committed.get(*at))?;
    let index = behind(place);
    let wanted = entry(index, shadows.committed.get(place).copied());
    let has = entry(index, shadow.mark(index));
    Some(format!("{} leads term {term} with {has}, but {wanted} is committed", id(node)))
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, entries, leader};
    use super::*;

    #[test]
    fn a_leader_with_all_of_it_is_welcome() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0, 1], &entries(1, &[1, 1]));
        stage.commit(0, 1, 2);
        stage.store(&[1], &entries(3, &[1]));
        stage.turn(1, &leader(1, 2));
        stage.holds();
    }

    #[test]
    fn a_leader_that_lacks_something_is_found() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0, 1], &entries(1, &[1, 1]));
        stage.commit(0, 1, 2);
        stage.store(&[2], &entries(1, &[1]));
        stage.turn(2, &leader(2, 2));
        stage.breaks("n3 leads term 2 with no entry 2, but entry 2 of term 1 is committed");
    }

    #[test]
    fn a_longer_log_of_something_else_is_no_better() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0, 1], &entries(1, &[1, 3]));
        stage.commit(0, 3, 2);
        stage.store(&[2], &entries(1, &[1, 2, 2]));
        stage.turn(2, &leader(2, 4));
        stage.breaks("n3 leads term 4 with entry 2 of term 2, but entry 2 of term 3 is committed");
    }

    #[test]
    fn who_wins_an_old_term_late_need_not_know_of_a_newer_one() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0, 1], &entries(1, &[5]));
        stage.commit(0, 5, 1);
        stage.turn(2, &leader(2, 4));
        stage.holds();
    }
}
