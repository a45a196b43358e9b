//! A committed entry is not replaced in any log.
//!
//! Why: a client may have been told, and a state machine may have taken it in. A node may hand over an end of its log that
//! was never committed, never one that was: so no write to its log may begin at or before a committed entry that it has.
//!
//! Does not see: entries that were replaced first and called committed afterwards, and what a disk loses by itself
//! (recovery).

use super::{About, Invariant, entry, id};
use crate::sim::watch::{Shadows, Sight, SightKind, at, before, behind};

pub(super) const ABOUT: About = About {
    name: "committed-immutable",
    holds: "a committed entry is never replaced or cut off",
    source: "Raft, 5.4",
    sees: &[SightKind::Wrote],
    make: |_| Box::new(CommittedImmutable),
};

#[derive(Debug)]
struct CommittedImmutable;

impl Invariant for CommittedImmutable {
    fn see(&mut self, sight: &Sight<'_>, shadows: &Shadows) -> Option<String> {
        let Sight::Wrote { node, job } = sight else { return None };
        let shadow = &shadows.nodes[*node];
        let first = before(job.entries.first()?.index);
        shadow.replaced.iter().zip(first..).find_map(|(old, place)| {
            let index = behind(place);
            let (committed, now) = (at(&shadows.committed, index)?, shadow.mark(index));
            (committed == *old && now != Some(*old)).then(|| {
                let (old, node) = (entry(index, Some(*old)), id(*node));
                match now {
                    Some(_) => format!(
                        "{node} replaced {old}, which was committed, by {}",
                        entry(index, now)
                    ),
                    None => format!("{node} cut off {old}, which was committed"),
                }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, entries};
    use super::*;

    #[test]
    fn an_end_that_is_not_committed_may_go() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0, 1], &entries(1, &[1, 1]));
        stage.store(&[2], &entries(1, &[1, 2, 2]));
        stage.commit(0, 1, 2);
        stage.store(&[2], &entries(2, &[1, 3]));
        stage.holds();
    }

    #[test]
    fn a_committed_entry_may_not() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0, 1, 2], &entries(1, &[1, 2, 2]));
        stage.commit(0, 2, 2);
        stage.store(&[2], &entries(2, &[3]));
        stage.breaks("n3 replaced entry 2 of term 2, which was committed, by entry 2 of term 3");
    }

    #[test]
    fn nor_may_it_be_cut_off() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0, 1, 2], &entries(1, &[1, 2, 2]));
        stage.commit(0, 2, 3);
        stage.write(2, None, &entries(2, &[2]));
        stage.breaks("n3 cut off entry 3 of term 2, which was committed");
    }
}
