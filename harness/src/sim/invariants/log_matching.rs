//! Two entries of one index and term are the same, and so is everything before them.
//!
//! Why: a term has one leader, which puts one entry at an index, and followers take entries only behind one that they
//! share with it. By induction it is enough to look at each entry together with the term of the one before.
//!
//! Does not see: entries in messages, before somebody writes them.

use rashomon_node::raft::{LogIndex, Term};

use super::{About, Invariant, id};
use crate::sim::watch::{Mark, Shadows, Sight, SightKind, at, before, behind};

pub(super) const ABOUT: About = About {
    name: "log-matching",
    holds: "an index and a term name one entry, with one log before it",
    source: "Raft, figure 3",
    sees: &[SightKind::Booted, SightKind::Wrote],
    make: |_| Box::new(LogMatching::default()),
};

/// An entry as it was seen first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    mark: Mark,
    /// The term of the entry before; 0 if there is none.
    behind: Term,
    /// Who wrote it.
    node: usize,
}

#[derive(Debug, Default)]
struct LogMatching {
    /// By index, from 1: the entries of each term that were ever written there.
    seen: Vec<Vec<Seen>>,
}

impl Invariant for LogMatching {
    fn see(&mut self, sight: &Sight<'_>, shadows: &Shadows) -> Option<String> {
        match sight {
            Sight::Wrote { node, job } => {
                let first = before(job.entries.first()?.index);
                self.look(*node, &shadows.nodes[*node].written, first)
            }
            Sight::Booted { node, replay } => {
                let marks: Vec<Mark> = replay.entries.iter().map(Mark::of).collect();
                self.look(*node, &marks, 0)
            }
            _ => None,
        }
    }
}

impl LogMatching {
    /// Looks at a log behind so many entries.
    fn look(&mut self, node: usize, log: &[Mark], first: usize) -> Option<String> {
        let mut indices = (first..log.len()).map(behind);
        indices.find_map(|index| {
            let mark = at(log, index)?;
            let behind = at(log, index.prev()).map_or(Term(0), |mark| mark.term);
            self.compare(index, Seen { mark, behind, node })
        })
    }

    fn compare(&mut self, index: LogIndex, new: Seen) -> Option<String> {
        let place = before(index);
        if self.seen.len() <= place {
            self.seen.resize_with(place + 1, Vec::new);
        }
        let seen = &mut self.seen[place];
        let Some(old) = seen.iter().find(|old| old.mark.term == new.mark.term) else {
            seen.push(new);
            return None;
        };
        let what = if old.mark != new.mark {
            "is another one than that".to_owned()
        } else if old.behind != new.behind {
            let (new, old) = (new.behind, old.behind);
            format!("comes behind one of term {new}, and behind one of term {old}")
        } else {
            return None;
        };
        let term = new.mark.term;
        let (node, first) = (id(new.node), id(old.node));
        Some(if node == first {
            format!("entry {index} of term {term} on {node} {what} it had there before")
        } else {
            format!("entry {index} of term {term} on {node} {what} on {first}")
        })
    }
}

#[cfg(test)]
mod tests {
    use rashomon_node::raft::Entry;

    use super::super::stage;
    use super::super::stage::{Stage, entries, hard};
    use super::*;

    #[test]
    fn logs_may_differ_where_terms_do() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0, 1], &entries(1, &[1, 1, 1]));
        stage.store(&[2], &entries(1, &[1, 1, 2]));
        stage.store(&[0], &entries(3, &[2, 2]));
        stage.reboot(1, hard(1, None), &entries(1, &[1, 1]));
        stage.holds();
    }

    #[test]
    fn another_entry_under_the_same_name_is_found() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0], &entries(1, &[1, 2]));
        let other = Entry { command: b"other".to_vec(), ..stage::entry(2, 2) };
        stage.store(&[1], &[stage::entry(1, 1), other]);
        stage.breaks("entry 2 of term 2 on n2 is another one than that on n1");
    }

    #[test]
    fn the_same_entry_behind_another_log_is_found() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0], &entries(1, &[1, 1, 3]));
        stage.store(&[1], &entries(1, &[1, 2]));
        stage.store(&[1], &entries(3, &[3]));
        stage.breaks(
            "entry 3 of term 3 on n2 comes behind one of term 2, and behind one of term 1 on n1",
        );
    }

    #[test]
    fn an_entry_that_came_back_from_disk_as_another_is_found() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0], &entries(1, &[1]));
        let other = Entry { command: b"other".to_vec(), ..stage::entry(1, 1) };
        stage.reboot(0, hard(1, None), &[other]);
        stage.breaks("entry 1 of term 1 on n1 is another one than that it had there before");
    }
}
