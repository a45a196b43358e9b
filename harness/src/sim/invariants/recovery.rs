//! What a process reads when it starts is what was durable before, and perhaps the next few of its writes, in their order.
//!
//! Why: durable means that it is there after a crash; and a crash that keeps more must keep it as a prefix, or entries
//! would be there without the term and vote that came before them. Term, vote and commit hint are one record with the
//! entries around it: all of them are compared.
//!
//! Of a disk that was damaged on purpose, the last sync's batch may be gone, since nothing tells it from a torn one (see
//! [`Sight::Damaged`]). Anything else must keep the process from starting.
//!
//! Does not see: bytes that are wrong on the disk and that nobody has read back.

use rashomon_node::raft::HardState;
use rashomon_node::storage::Replay;

use super::{About, Invariant, entry, id};
use crate::sim::watch::{Mark, Shadow, Shadows, Sight, SightKind, behind};

pub(super) const ABOUT: About = About {
    name: "recovery",
    holds: "a process finds in its log what was durable, and at most a prefix of what followed",
    source: "ALICE (Pillai et al., OSDI 2014); PAR (Alagappan et al., FAST 2018)",
    sees: &[SightKind::Booted],
    make: |_| Box::new(Recovery),
};

#[derive(Debug)]
struct Recovery;

impl Invariant for Recovery {
    fn see(&mut self, sight: &Sight<'_>, shadows: &Shadows) -> Option<String> {
        let Sight::Booted { node, replay } = sight else { return None };
        let shadow = &shadows.nodes[*node];
        let found: Vec<Mark> = replay.entries.iter().map(Mark::of).collect();
        (!explains(shadow, &found, replay)).then(|| {
            let hard = hard_state_differs(shadow.durable_hard, replay.hard);
            let what = hard
                .or_else(|| log_differs(shadow, &found))
                .unwrap_or_else(|| "with a mixture of writes that was never in its log".to_owned());
            format!("{} came back {what}", id(*node))
        })
    }
}

fn explains(shadow: &Shadow, found: &[Mark], replay: &Replay) -> bool {
    let is = |image: &[Mark], hard: HardState| hard == replay.hard && image == found;
    let (mut image, mut hard) = (shadow.durable.clone(), shadow.durable_hard);
    if is(&image, hard) {
        return true;
    }
    for pending in &shadow.pending {
        pending.add_to(&mut image);
        hard = pending.hard.unwrap_or(hard);
        if is(&image, hard) {
            return true;
        }
    }
    let undo = &shadow.last_sync;
    shadow.damaged && is(&undo.undo(&shadow.durable), undo.hard)
}

fn hard_state_differs(durable: HardState, found: HardState) -> Option<String> {
    if found.term < durable.term {
        let (found, durable) = (found.term, durable.term);
        return Some(format!("in term {found}, and term {durable} was durable"));
    }
    let vote = durable.vote.filter(|vote| found.vote != Some(*vote))?;
    let term = durable.term;
    (found.term == term)
        .then(|| format!("without its vote for {vote} in term {term}, which was durable"))
}

fn log_differs(shadow: &Shadow, found: &[Mark]) -> Option<String> {
    let durable = &shadow.durable;
    let longest = durable.len().max(found.len());
    let place = (0..longest).find(|place| durable.get(*place) != found.get(*place))?;
    let index = behind(place);
    let (wanted, has) = (durable.get(place).copied(), found.get(place).copied());
    Some(match (wanted, has) {
        (Some(_), None) => format!("without {}, which was durable", entry(index, wanted)),
        (Some(_), Some(_)) => {
            format!("with {}, and {} was durable", entry(index, has), entry(index, wanted))
        }
        _ => format!("with {}, which its log never had there", entry(index, has)),
    })
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, entries, hard};
    use super::*;

    /// Entries 1 to 3 in term 4 are durable, then come a fourth, a vote, and another fourth.
    fn stage() -> Stage {
        let mut stage = Stage::new(3, &ABOUT);
        stage.promise(0, hard(4, None));
        stage.store(&[0], &entries(1, &[4, 4]));
        stage.store(&[0], &entries(3, &[4]));
        stage.write(0, None, &entries(4, &[4]));
        stage.write(0, Some(hard(5, Some(2))), &[]);
        stage.write(0, None, &entries(4, &[5]));
        stage
    }

    #[test]
    fn any_prefix_of_the_writes_under_way_may_be_there() {
        let kept = [
            (hard(4, None), vec![4, 4, 4]),
            (hard(4, None), vec![4, 4, 4, 4]),
            (hard(5, Some(2)), vec![4, 4, 4, 4]),
            (hard(5, Some(2)), vec![4, 4, 4, 5]),
        ];
        for (hard, terms) in kept {
            let mut stage = stage();
            stage.reboot(0, hard, &entries(1, &terms));
            stage.reboot(0, hard, &entries(1, &terms));
            stage.holds();
        }
    }

    #[test]
    fn a_durable_entry_is_missed() {
        let mut stage = stage();
        stage.reboot(0, hard(4, None), &entries(1, &[4, 4]));
        stage.breaks("n1 came back without entry 3 of term 4, which was durable");
    }

    #[test]
    fn a_durable_vote_is_missed() {
        let mut stage = stage();
        stage.sync(0);
        stage.reboot(0, hard(5, None), &entries(1, &[4, 4, 4, 5]));
        stage.breaks("n1 came back without its vote for n2 in term 5, which was durable");
    }

    #[test]
    fn an_entry_without_the_vote_before_it_is_no_prefix() {
        let mut stage = stage();
        stage.reboot(0, hard(4, None), &entries(1, &[4, 4, 4, 5]));
        stage.breaks("n1 came back with entry 4 of term 5, which its log never had there");
    }

    #[test]
    fn a_damaged_disk_may_lack_the_last_sync_and_no_more() {
        let damaged = |terms: &[u64]| {
            let mut stage = stage();
            stage.see(&Sight::Died { node: 0 });
            stage.see(&Sight::Damaged { node: 0 });
            stage.reboot(0, hard(4, None), &entries(1, terms));
            stage
        };
        damaged(&[4, 4]).holds();
        damaged(&[4]).breaks("n1 came back without entry 2 of term 4, which was durable");
    }

    #[test]
    fn what_the_last_sync_replaced_comes_back_with_damage() {
        let mut stage = stage();
        stage.write(0, None, &entries(2, &[6]));
        stage.sync(0);
        stage.see(&Sight::Damaged { node: 0 });
        stage.reboot(0, hard(4, None), &entries(1, &[4, 4, 4]));
        stage.holds();
    }
}
