//! Promises leave a node when they are durable: its vote, its campaign, its acknowledgement of entries.
//!
//! Why: a node may crash right after it has sent one, and must then still stand by it. An acknowledgement vouches for the
//! term it is given in as well, and for the leader's entries, not for whatever the node has at that place.
//!
//! Does not see: whether a promise of a term that is over was durable in it. The disk may have gone on to a later one by
//! the time the message leaves; then nothing depends on it any more. Nor whose entries are acknowledged, if the leader is
//! gone by then.

use rashomon_node::raft::{HardState, LogIndex, Payload, Role, Term};

use super::{About, Invariant, entry, id};
use crate::sim::watch::{Shadows, Sight, SightKind, at};

pub(super) const ABOUT: About = About {
    name: "message-durable",
    holds: "votes and acknowledgements leave when what they promise is durable",
    source: "thesis, 3.8; etcd-raft, asynchronous storage writes",
    sees: &[SightKind::Sent],
    make: |_| Box::new(MessageDurable),
};

#[derive(Debug)]
struct MessageDurable;

impl Invariant for MessageDurable {
    fn see(&mut self, sight: &Sight<'_>, shadows: &Shadows) -> Option<String> {
        let Sight::Sent { node, to, message } = sight else { return None };
        let (node, to, term) = (*node, *to, message.term);
        let disk = shadows.nodes[node].durable_hard;
        match message.payload {
            Payload::VoteResponse { granted: true } => (!has_vote(disk, term, to)).then(|| {
                let (node, to) = (id(node), id(to));
                format!("{node} sent {to} its vote in term {term} before it was durable")
            }),
            Payload::VoteRequest { .. } => (!has_vote(disk, term, node)).then(|| {
                let node = id(node);
                format!("{node} asked for votes in term {term} before its own was durable")
            }),
            Payload::AppendAccepted { matched, .. } => {
                acknowledged(node, to, term, matched, shadows)
            }
            _ => None,
        }
    }
}

fn has_vote(disk: HardState, term: Term, candidate: usize) -> bool {
    disk.term > term || (disk.term == term && disk.vote == Some(id(candidate)))
}

fn acknowledged(
    node: usize,
    to: usize,
    term: Term,
    matched: LogIndex,
    shadows: &Shadows,
) -> Option<String> {
    let (shadow, receiver) = (&shadows.nodes[node], &shadows.nodes[to]);
    let (node, to) = (id(node), id(to));
    let disk = shadow.durable_hard.term;
    if disk < term {
        return Some(format!(
            "{node} followed {to} in term {term}, and its disk was in term {disk}"
        ));
    }
    if disk > term || matched.0 == 0 {
        return None;
    }
    let has = at(&shadow.durable, matched);
    let status = receiver.status.as_ref();
    let leads = status.is_some_and(|to| to.role == Role::Leader && to.term == term);
    let wrong = has.is_none() || (leads && has != receiver.mark(matched));
    wrong.then(|| {
        let has = entry(matched, has);
        format!("{node} acknowledged to {to} all up to entry {matched}, and its disk had {has}")
    })
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, entries, hard, leader};
    use super::*;

    fn accepted(matched: u64) -> Payload {
        Payload::AppendAccepted { matched: LogIndex(matched), round: 1 }
    }

    #[test]
    fn what_the_disk_has_may_be_said() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.promise(1, hard(4, Some(1)));
        stage.grant(1, 0, 4);
        stage.grant(1, 2, 3);
        stage.promise(0, hard(4, Some(1)));
        stage.campaign(0, 4);
        stage.store(&[0, 1], &entries(1, &[4, 4]));
        stage.turn(0, &leader(0, 4));
        stage.send(1, 0, 4, accepted(2));
        stage.write(1, None, &entries(3, &[4]));
        stage.send(1, 0, 4, accepted(2));
        stage.holds();
    }

    #[test]
    fn a_vote_that_leaves_before_it_is_durable_is_found() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.write(1, Some(hard(4, Some(1))), &[]);
        stage.grant(1, 0, 4);
        stage.breaks("n2 sent n1 its vote in term 4 before it was durable");
    }

    #[test]
    fn a_candidate_votes_first() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.promise(1, hard(4, Some(1)));
        stage.campaign(1, 4);
        stage.breaks("n2 asked for votes in term 4 before its own was durable");
    }

    #[test]
    fn entries_under_way_to_the_disk_are_not_acknowledged() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.promise(1, hard(4, None));
        stage.store(&[1], &entries(1, &[4]));
        stage.write(1, None, &entries(2, &[4]));
        stage.send(1, 0, 4, accepted(2));
        stage.breaks("n2 acknowledged to n1 all up to entry 2, and its disk had no entry 2");
    }

    #[test]
    fn nor_are_entries_that_the_leader_does_not_have() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.turn(0, &leader(0, 4));
        stage.promise(1, hard(4, None));
        stage.store(&[0], &entries(1, &[4, 4]));
        stage.store(&[1], &entries(1, &[4, 3]));
        stage.send(1, 0, 4, accepted(2));
        stage.breaks("n2 acknowledged to n1 all up to entry 2, and its disk had entry 2 of term 3");
    }

    #[test]
    fn whom_one_follows_is_a_promise_too() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.write(1, Some(hard(4, None)), &[]);
        stage.send(1, 0, 4, accepted(0));
        stage.breaks("n2 followed n1 in term 4, and its disk was in term 0");
    }
}
