//! A client is told that its write is done when the entry is durable on a majority, and not before.
//!
//! Why: what a client was told must outlive any minority of the machines. Nodes answer writes by applying them: an answer
//! by any other way can only be a promise.
//!
//! Does not see: answers with an error of the store, which promise nothing; copies that are lost later (recovery).

use super::{About, Invariant, entry, id};
use crate::sim::watch::{Shadows, Sight, SightKind};

pub(super) const ABOUT: About = About {
    name: "ack-durable",
    holds: "no write is confirmed to its client before it is durable on a majority",
    source: "Raft, 5.3 and 8",
    sees: &[SightKind::Applied, SightKind::WriteAnswered],
    make: |_| Box::new(AckDurable),
};

#[derive(Debug)]
struct AckDurable;

impl Invariant for AckDurable {
    fn see(&mut self, sight: &Sight<'_>, shadows: &Shadows) -> Option<String> {
        match sight {
            Sight::WriteAnswered { node, result: Ok(_), .. } => {
                Some(format!("{} confirmed a write without applying it", id(*node)))
            }
            Sight::Applied { node, index, ticket: Some(_), result: Ok(_) } => {
                let mark = shadows.nodes[*node].mark(*index);
                let disks = mark.map_or(0, |mark| shadows.disks_with(*index, mark));
                (disks < shadows.majority()).then(|| {
                    let (node, what, nodes) = (id(*node), entry(*index, mark), shadows.nodes.len());
                    format!("{node} confirmed {what} to its client, on {disks} of {nodes} disks")
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, done, entries};
    use super::*;

    #[test]
    fn a_majority_of_disks_is_enough_and_nobody_else_waits() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0, 2], &entries(1, &[1]));
        stage.write(1, None, &entries(1, &[1]));
        stage.apply(1, 1, Some(3));
        stage.write(1, None, &entries(2, &[1]));
        stage.apply(1, 2, None);
        stage.holds();
    }

    #[test]
    fn a_write_on_one_disk_is_not_confirmed() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0], &entries(1, &[1]));
        stage.write(1, None, &entries(1, &[1]));
        stage.apply(0, 1, Some(3));
        stage.breaks("n1 confirmed entry 1 of term 1 to its client, on 1 of 3 disks");
    }

    #[test]
    fn an_answer_ahead_of_the_application_is_found() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.see(&Sight::WriteAnswered { node: 0, ticket: 3, result: &Ok(done()) });
        stage.breaks("n1 confirmed a write without applying it");
    }
}
