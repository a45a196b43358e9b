//! Nobody throws messages away because no correct node could have sent them.
//!
//! Why: nodes count such messages, and nothing in a simulated network makes them up or changes them: letters are lost,
//! doubled, delayed. So the sender is broken, or the receiver.
//!
//! Does not see: absurd messages that a receiver believes.

use super::{About, Invariant, id};
use crate::sim::watch::{Shadows, Sight, SightKind};

pub(super) const ABOUT: About = About {
    name: "nothing-absurd",
    holds: "no message is impossible, or contradicts a committed entry",
    source: "the node's `raft::Status`",
    sees: &[SightKind::Turned],
    make: |_| Box::new(NothingAbsurd),
};

#[derive(Debug)]
struct NothingAbsurd;

impl Invariant for NothingAbsurd {
    fn see(&mut self, sight: &Sight<'_>, _: &Shadows) -> Option<String> {
        let Sight::Turned { node, status, .. } = sight else { return None };
        let node = id(*node);
        if status.conflicts > 0 {
            return Some(format!("{node} got a message that contradicts a committed entry"));
        }
        (status.ignored > 0).then(|| format!("{node} got a message that no correct node sends"))
    }
}

#[cfg(test)]
mod tests {
    use rashomon_node::raft::Status;

    use super::super::stage::{Stage, follower};
    use super::*;

    #[test]
    fn a_node_without_complaints_is_content() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.turn(0, &follower(3));
        stage.holds();
    }

    #[test]
    fn complaints_are_found() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.turn(1, &Status { ignored: 1, ..follower(3) });
        stage.breaks("n2 got a message that no correct node sends");
        let mut stage = Stage::new(3, &ABOUT);
        stage.turn(1, &Status { conflicts: 2, ..follower(3) });
        stage.breaks("n2 got a message that contradicts a committed entry");
    }
}
