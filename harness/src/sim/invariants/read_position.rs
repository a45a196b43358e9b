//! A read is served at no position before what was committed anywhere when it came.
//!
//! Why: a client may have been told of any committed write by then, and must find it. Who serves a read has to know that
//! it still led, or its leader did, after the read had come; then nobody can have committed more.
//!
//! Does not see: whether the store has that position when the read is done, and reads that ask for old data on purpose.

use std::collections::BTreeMap;

use super::{About, Invariant, id};
use crate::sim::watch::{Shadows, Sight, SightKind};

pub(super) const ABOUT: About = About {
    name: "read-position",
    holds: "a read is served behind everything that was committed when it came",
    source: "thesis, 6.4",
    sees: &[SightKind::Died, SightKind::ReadAsked, SightKind::ReadReady],
    make: |nodes| Box::new(ReadPosition { asked: vec![BTreeMap::new(); nodes] }),
};

#[derive(Debug)]
struct ReadPosition {
    /// Of each node: how much was committed when a read came, by ticket.
    asked: Vec<BTreeMap<u64, u64>>,
}

impl Invariant for ReadPosition {
    fn see(&mut self, sight: &Sight<'_>, shadows: &Shadows) -> Option<String> {
        match sight {
            Sight::Died { node } => self.asked[*node].clear(),
            Sight::ReadAsked { node, ticket } => {
                self.asked[*node].insert(*ticket, shadows.committed.len() as u64);
            }
            Sight::ReadReady { node, ticket, index } => {
                let committed = self.asked[*node].remove(ticket)?;
                return (index.0 < committed).then(|| {
                    let node = id(*node);
                    format!(
                        "{node} serves a read at entry {index}, and {committed} were committed when it came"
                    )
                });
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use rashomon_node::raft::LogIndex;

    use super::super::stage::{Stage, entries};
    use super::*;

    fn ready(stage: &mut Stage, node: usize, ticket: u64, index: u64) {
        stage.see(&Sight::ReadReady { node, ticket, index: LogIndex(index) });
    }

    #[test]
    fn what_is_committed_after_the_read_came_need_not_be_seen() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0], &entries(1, &[1, 1, 1]));
        stage.commit(0, 1, 2);
        stage.see(&Sight::ReadAsked { node: 1, ticket: 5 });
        stage.commit(0, 1, 3);
        ready(&mut stage, 1, 5, 2);
        stage.see(&Sight::ReadAsked { node: 1, ticket: 5 });
        ready(&mut stage, 1, 5, 3);
        stage.holds();
    }

    #[test]
    fn a_position_that_is_too_old_is_found() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0], &entries(1, &[1, 1, 1]));
        stage.commit(0, 1, 3);
        stage.see(&Sight::ReadAsked { node: 1, ticket: 5 });
        ready(&mut stage, 1, 5, 2);
        stage.breaks("n2 serves a read at entry 2, and 3 were committed when it came");
    }
}
