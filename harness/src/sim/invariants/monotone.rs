//! Some numbers never fall: term, commit and applied index in a life, and the term on disk over lives.
//!
//! Why: terms are a logical clock, and what is committed or applied stays so. Late messages are the usual reason for a
//! number to go back, and most of the time nobody but this notices.
//!
//! Does not see: numbers that go too far.

use rashomon_node::raft::Status;

use super::{About, Invariant, id};
use crate::sim::watch::{Shadows, Sight, SightKind};

pub(super) const ABOUT: About = About {
    name: "monotone",
    holds: "term, commit and applied index never fall",
    source: "Raft, 5.1 and figure 2",
    sees: &[SightKind::Booted, SightKind::Turned],
    make: |_| Box::new(Monotone),
};

#[derive(Debug)]
struct Monotone;

impl Invariant for Monotone {
    fn see(&mut self, sight: &Sight<'_>, shadows: &Shadows) -> Option<String> {
        match sight {
            Sight::Booted { node, replay } => {
                let shadow = &shadows.nodes[*node];
                let (before, now) = (shadow.durable_hard.term, replay.hard.term);
                let fell = now < before && !shadow.damaged;
                fell.then(|| format!("{} came back in term {now}, after term {before}", id(*node)))
            }
            Sight::Turned { node, status, .. } => {
                let before = shadows.nodes[*node].status.as_ref()?;
                fallen(*node, before, status)
            }
            _ => None,
        }
    }
}

fn fallen(node: usize, before: &Status, now: &Status) -> Option<String> {
    let numbers = [
        ("term", before.term.0, now.term.0),
        ("commit index", before.commit.0, now.commit.0),
        ("applied index", before.applied.0, now.applied.0),
    ];
    let (what, before, now) = numbers.into_iter().find(|(_, before, now)| now < before)?;
    Some(format!("the {what} of {} fell from {before} to {now}", id(node)))
}

#[cfg(test)]
mod tests {
    use rashomon_node::raft::LogIndex;

    use super::super::stage::{Stage, follower, hard};
    use super::*;

    #[test]
    fn numbers_may_rise_and_start_anew_in_another_life() {
        let mut stage = Stage::new(3, &ABOUT);
        let busy = Status { commit: LogIndex(4), applied: LogIndex(3), ..follower(2) };
        stage.turn(0, &busy);
        stage.turn(0, &Status { applied: LogIndex(4), ..busy });
        stage.promise(0, hard(2, None));
        stage.reboot(0, hard(2, None), &[]);
        stage.turn(0, &follower(2));
        stage.holds();
    }

    #[test]
    fn a_commit_index_that_falls_is_found() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.commit(1, 2, 4);
        stage.commit(1, 2, 3);
        stage.breaks("the commit index of n2 fell from 4 to 3");
    }

    #[test]
    fn a_term_that_was_durable_is_missed() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.promise(0, hard(5, None));
        stage.reboot(0, hard(4, None), &[]);
        stage.breaks("n1 came back in term 4, after term 5");
    }
}
