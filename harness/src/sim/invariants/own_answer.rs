//! A client gets the result of its own write, once.
//!
//! Why: a node matches what it applies with those who wait for it by the request in the entry. By index, or by order of
//! arrival, a client would be told what became of somebody else's write once leaders have changed.
//!
//! Does not see: whether the result is right (same-state), and mix-ups between equal commands.

use super::{About, Invariant, entry, id};
use crate::sim::watch::{Shadows, Sight, SightKind};

pub(super) const ABOUT: About = About {
    name: "own-answer",
    holds: "a client is answered once, and with what its own write came to",
    source: "Raft, 8; thesis, 6.3",
    sees: &[SightKind::Applied, SightKind::WriteAnswered],
    make: |_| Box::new(OwnAnswer),
};

#[derive(Debug)]
struct OwnAnswer;

impl Invariant for OwnAnswer {
    fn see(&mut self, sight: &Sight<'_>, shadows: &Shadows) -> Option<String> {
        match sight {
            Sight::WriteAnswered { node, ticket, .. } => {
                let open = shadows.nodes[*node].asked.contains_key(ticket);
                (!open).then(|| format!("{} answered a write that nobody waits for", id(*node)))
            }
            Sight::Applied { node, index, ticket: Some(ticket), .. } => {
                let (shadow, node) = (&shadows.nodes[*node], id(*node));
                let mark = shadow.mark(*index);
                let what = entry(*index, mark);
                let Some(asked) = shadow.asked.get(ticket) else {
                    return Some(format!("{node} answered with {what} where nobody waits"));
                };
                let own = mark.is_some_and(|mark| mark.command == *asked);
                (!own).then(|| format!("{node} answered a client with {what}, another one's write"))
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
    fn tickets_may_be_used_again_after_the_answer() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0], &entries(1, &[1, 1]));
        stage.ask(0, 4, &entry(1, 1).command);
        stage.apply(0, 1, Some(4));
        stage.ask(0, 4, &entry(2, 1).command);
        stage.apply(0, 2, Some(4));
        stage.ask(0, 4, b"other");
        stage.fail(0, 4, Failure::NoLeader);
        stage.holds();
    }

    #[test]
    fn the_result_of_another_write_is_found() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0], &entries(1, &[1, 1]));
        stage.ask(0, 4, &entry(1, 1).command);
        stage.apply(0, 2, Some(4));
        stage.breaks("n1 answered a client with entry 2 of term 1, another one's write");
    }

    #[test]
    fn a_second_answer_is_found() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0], &entries(1, &[1]));
        stage.ask(0, 4, &entry(1, 1).command);
        stage.apply(0, 1, Some(4));
        stage.fail(0, 4, Failure::LeaderChanged);
        stage.breaks("n1 answered a write that nobody waits for");
    }
}
