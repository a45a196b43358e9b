//! A vote that was given is remembered for as long as its term lasts, over restarts too.
//!
//! Why: a node that has forgotten its vote gives it again. The same promise from three sides: the vote of a term does not
//! change within a life, what is on disk has it after a restart, and so has it what others were told of.
//!
//! Does not see: what a damaged disk lost.

use rashomon_node::raft::{HardState, NodeId, Payload, Status, Term};

use super::{About, Invariant, id};
use crate::sim::watch::{Shadows, Sight, SightKind};

pub(super) const ABOUT: About = About {
    name: "vote-persists",
    holds: "the vote of a term neither changes nor gets lost, also over restarts",
    source: "Raft, 5.2; thesis, 3.8",
    sees: &[SightKind::Booted, SightKind::Damaged, SightKind::Sent, SightKind::Turned],
    make: |nodes| Box::new(VotePersists { told: vec![None; nodes] }),
};

#[derive(Debug)]
struct VotePersists {
    /// Of each node: the vote of the latest term that others were told of.
    told: Vec<Option<(Term, NodeId)>>,
}

impl Invariant for VotePersists {
    fn see(&mut self, sight: &Sight<'_>, shadows: &Shadows) -> Option<String> {
        match sight {
            Sight::Damaged { node } => self.told[*node] = None,
            Sight::Sent { node, to, message } => {
                let candidate = match message.payload {
                    Payload::VoteResponse { granted: true } => id(*to),
                    Payload::VoteRequest { .. } => id(*node),
                    _ => return None,
                };
                let told = &mut self.told[*node];
                *told = (*told).max(Some((message.term, candidate)));
            }
            Sight::Booted { node, replay } => return self.wakes(*node, replay.hard, shadows),
            Sight::Turned { node, status, .. } => {
                let before = shadows.nodes[*node].status.as_ref()?;
                return changed(*node, before, status);
            }
            _ => {}
        }
        None
    }
}

impl VotePersists {
    fn wakes(&self, node: usize, hard: HardState, shadows: &Shadows) -> Option<String> {
        let shadow = &shadows.nodes[node];
        if shadow.damaged {
            return None;
        }
        let durable = shadow.durable_hard;
        let on_disk = durable.vote.map(|vote| (durable.term, vote));
        let (term, vote) = on_disk.max(self.told[node])?;
        let kept = hard.term > term || (hard.term == term && hard.vote == Some(vote));
        (!kept).then(|| {
            let stands = standing(hard);
            format!("{} voted for {vote} in term {term} and came back {stands}", id(node))
        })
    }
}

fn changed(node: usize, before: &Status, now: &Status) -> Option<String> {
    let vote = before.vote?;
    let forgot = now.term == before.term && now.vote != Some(vote);
    forgot.then(|| {
        let (node, term) = (id(node), now.term);
        match now.vote {
            Some(other) => format!("{node} changed its vote in term {term} from {vote} to {other}"),
            None => format!("{node} forgot in term {term} that it had voted for {vote}"),
        }
    })
}

fn standing(hard: HardState) -> String {
    let HardState { term, vote, .. } = hard;
    match vote {
        Some(vote) => format!("in term {term} with a vote for {vote}"),
        None => format!("in term {term} without a vote"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, follower, hard};
    use super::*;

    #[test]
    fn a_vote_that_is_there_again_or_of_an_old_term_is_no_trouble() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.promise(1, hard(7, Some(1)));
        stage.grant(1, 0, 7);
        stage.reboot(1, hard(7, Some(1)), &[]);
        stage.turn(1, &Status { vote: Some(NodeId(1)), ..follower(7) });
        stage.turn(1, &follower(8));
        stage.turn(1, &Status { vote: Some(NodeId(3)), ..follower(8) });
        stage.reboot(1, hard(8, None), &[]);
        stage.holds();
    }

    #[test]
    fn a_vote_that_others_know_of_and_the_disk_does_not_is_found() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.grant(1, 0, 7);
        stage.reboot(1, hard(6, None), &[]);
        stage.breaks("n2 voted for n1 in term 7 and came back in term 6 without a vote");
    }

    #[test]
    fn a_vote_that_the_disk_had_is_missed() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.promise(1, hard(7, Some(3)));
        stage.reboot(1, hard(7, Some(1)), &[]);
        stage.breaks("n2 voted for n3 in term 7 and came back in term 7 with a vote for n1");
    }

    #[test]
    fn a_vote_is_not_given_back() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.turn(1, &Status { vote: Some(NodeId(3)), ..follower(8) });
        stage.turn(1, &follower(8));
        stage.breaks("n2 forgot in term 8 that it had voted for n3");
    }

    #[test]
    fn a_damaged_disk_may_have_lost_it() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.promise(1, hard(7, Some(3)));
        stage.grant(1, 2, 7);
        stage.see(&Sight::Damaged { node: 1 });
        stage.reboot(1, hard(5, None), &[]);
        stage.holds();
    }
}
