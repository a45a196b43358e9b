//! A command is committed no more often than clients have asked for it.
//!
//! Why: a write that a node proposes twice is done twice, also under two numbers. Commands are compared by hash and
//! counted, so two clients may ask for the same thing; but most commands of a run are unlike all others.
//!
//! Does not see: a write that was done twice, where somebody else had asked for the same one and it came to nothing.

use super::{About, Invariant, entry};
use crate::sim::watch::{Shadows, Sight, SightKind};

pub(super) const ABOUT: About = About {
    name: "command-once",
    holds: "a command is committed no more often than it was asked for",
    source: "thesis, 6.3",
    sees: &[SightKind::Turned],
    make: |_| Box::new(CommandOnce),
};

#[derive(Debug)]
struct CommandOnce;

impl Invariant for CommandOnce {
    fn see(&mut self, sight: &Sight<'_>, shadows: &Shadows) -> Option<String> {
        let Sight::Turned { .. } = sight else { return None };
        let mut writes = shadows.newly_committed().filter(|(_, mark)| mark.request.is_some());
        writes.find_map(|(index, mark)| {
            let fate = shadows.fate(mark.command);
            let what = entry(index, Some(mark));
            match fate.asked {
                0 => Some(format!("{what} is committed, and no client asked for it")),
                asked if fate.committed > asked => {
                    let committed = fate.committed;
                    Some(format!("{what} is number {committed} of a write asked for {asked} times"))
                }
                _ => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use rashomon_node::raft::Entry;

    use super::super::stage::{Stage, entry, no_op};
    use super::*;

    #[test]
    fn what_clients_ask_for_is_committed_as_often_or_less() {
        let mut stage = Stage::new(3, &ABOUT);
        let twin = Entry { command: entry(2, 1).command, ..entry(3, 1) };
        for (ticket, write) in (0..).zip([entry(2, 1), twin.clone(), entry(9, 1)]) {
            stage.ask(0, ticket, &write.command);
        }
        stage.store(&[0], &[no_op(1, 1), entry(2, 1), twin]);
        stage.commit(0, 1, 3);
        stage.holds();
    }

    #[test]
    fn a_write_that_is_done_again_is_found() {
        let mut stage = Stage::new(3, &ABOUT);
        let twin = Entry { command: entry(1, 1).command, ..entry(2, 1) };
        stage.ask(1, 0, &twin.command);
        stage.store(&[0], &[entry(1, 1), twin]);
        stage.commit(0, 1, 1);
        stage.commit(0, 1, 2);
        stage.breaks("entry 2 of term 1 is number 2 of a write asked for 1 times");
    }

    #[test]
    fn a_write_out_of_nowhere_is_found() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0], &[entry(1, 1)]);
        stage.commit(0, 1, 1);
        stage.breaks("entry 1 of term 1 is committed, and no client asked for it");
    }
}
