//! A write whose client was told that it surely has no effect is never committed, neither before nor after.
//!
//! Why: the client may try again elsewhere, and the harness takes its word: a `fail` in the history is an operation that
//! never was. "Nobody knows" is another answer, and not looked at here. Commands are compared by hash and counted, as two
//! clients may ask for the same thing.
//!
//! Does not see: refusals that never reach the core (of requests that make no sense).

use rashomon_node::replica::Outcome;

use super::{About, Invariant, entry, id};
use crate::sim::watch::{Fate, Shadows, Sight, SightKind};

pub(super) const ABOUT: About = About {
    name: "refused-write",
    holds: "a write that was answered with a definite failure is never committed",
    source: "the table of outcomes in the node's `replica::failure`",
    sees: &[SightKind::Turned, SightKind::WriteAnswered],
    make: |_| Box::new(RefusedWrite),
};

#[derive(Debug)]
struct RefusedWrite;

/// Whether even if all the others of its kind are committed, one of those that are was refused.
const fn is_broken(fate: Fate) -> bool {
    fate.refused > 0 && fate.committed + fate.refused > fate.asked
}

impl Invariant for RefusedWrite {
    fn see(&mut self, sight: &Sight<'_>, shadows: &Shadows) -> Option<String> {
        match sight {
            Sight::Turned { .. } => {
                let mut fresh = shadows.newly_committed();
                let broken = fresh.find(|(_, mark)| {
                    mark.request.is_some() && is_broken(shadows.fate(mark.command))
                });
                let (index, mark) = broken?;
                let what = entry(index, Some(mark));
                Some(format!("{what} is committed, and its client was told that it has no effect"))
            }
            Sight::WriteAnswered { node, ticket, result: Err(failure) }
                if failure.outcome_of_write() == Outcome::Fail =>
            {
                let command = shadows.nodes[*node].asked.get(ticket)?;
                is_broken(shadows.fate(*command)).then(|| {
                    let node = id(*node);
                    format!("{node} told a client that a write has no effect, which is committed")
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use rashomon_node::replica::Failure;

    use super::super::stage::{Stage, entries, entry};
    use super::*;

    #[test]
    fn what_nobody_knows_may_be_committed_and_a_refused_write_may_be_asked_for_again() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.ask(1, 0, &entry(1, 1).command);
        stage.fail(1, 0, Failure::LeaderChanged);
        stage.ask(1, 0, &entry(2, 1).command);
        stage.fail(1, 0, Failure::NoLeader);
        stage.ask(2, 0, &entry(2, 1).command);
        stage.store(&[0], &entries(1, &[1, 1]));
        stage.commit(0, 1, 2);
        stage.holds();
    }

    #[test]
    fn a_refused_write_that_is_committed_later_is_found() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.ask(1, 0, &entry(1, 1).command);
        stage.fail(1, 0, Failure::LeaderUnreachable);
        stage.store(&[0], &entries(1, &[1]));
        stage.commit(0, 1, 1);
        stage.breaks(
            "entry 1 of term 1 is committed, and its client was told that it has no effect",
        );
    }

    #[test]
    fn so_is_one_that_is_refused_afterwards() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.ask(1, 0, &entry(1, 1).command);
        stage.store(&[0], &entries(1, &[1]));
        stage.commit(0, 1, 1);
        stage.fail(1, 0, Failure::NoLeader);
        stage.breaks("n2 told a client that a write has no effect, which is committed");
    }
}
