//! Bugs of reads.

use rashomon_node::bugs::{Bug, Bugs};
use rashomon_node::raft::{Effect, Event, LogIndex, NodeId, Payload, RequestId};

use super::{in_term, only_with};
use crate::solo::{N2, N3, accepted, append, request};

/// Where `request` may be read, if `effects` say so.
fn ready(effects: &[Effect], request: RequestId) -> Option<u64> {
    effects.iter().find_map(|effect| match effect {
        Effect::ReadReady { request: read, index } if *read == request => Some(index.0),
        _ => None,
    })
}

fn position(request: RequestId, index: u64) -> Payload {
    Payload::ReadIndexResponse { request, index: Some(LogIndex(index)) }
}

#[test]
fn readindex_no_quorum() {
    only_with(Bug::ReadindexNoQuorum, |bugs| {
        let mut leader = in_term(bugs, 3, 1, &[]);
        let commit = leader.lead();
        let served = ready(&leader.read(1), request(1, 1)) == Some(commit);
        // It does not lead on without a quorum, as it would with local-leader-read.
        leader.wait(1_000);
        leader.step(Event::Tick);
        served && leader.raft.status().leader.is_none()
    });
}

#[test]
fn readindex_no_noop() {
    only_with(Bug::ReadindexNoNoop, |bugs| {
        let mut leader = in_term(bugs, 3, 2, &[1, 2]);
        leader.win();
        leader.read(1);
        // The follower has not stored the no-op, but says that it follows.
        ready(&leader.receive(N2, 3, accepted(2, 2)), request(1, 1)) == Some(0)
    });
}

#[test]
fn ack_any_round() {
    only_with(Bug::AckAnyRound, |bugs| {
        let mut leader = in_term(bugs, 3, 1, &[]);
        let commit = leader.lead();
        leader.read(1);
        ready(&leader.receive(N2, 2, accepted(1, 1)), request(1, 1)) == Some(commit)
    });
}

#[test]
fn readindex_leader_race_on_the_leader() {
    only_with(Bug::ReadindexLeaderRace, |bugs| {
        let mut deposed = in_term(bugs, 3, 1, &[]);
        let commit = deposed.lead();
        deposed.read(1);
        ready(&deposed.receive(N3, 9, append((1, 2), &[9], 1)), request(1, 1)) == Some(commit)
    });
}

#[test]
fn readindex_leader_race_on_a_follower() {
    let read = |bugs, term: u64, from: NodeId| {
        let mut follower = in_term(bugs, 3, 1, &[1]);
        follower.receive(N2, 1, append((1, 1), &[], 1));
        follower.read(1);
        follower.receive(N3, 2, append((1, 1), &[], 1));
        ready(&follower.receive(from, term, position(request(1, 1), 1)), request(1, 1))
    };
    only_with(Bug::ReadindexLeaderRace, |bugs| read(bugs, 1, N2) == Some(1));
    only_with(Bug::ReadindexLeaderRace, |bugs| read(bugs, 2, N2) == Some(1));
}

/// A node that asked, and then leads itself, does not ask itself; it gives up after a while.
#[test]
fn readindex_leader_race_and_an_election() {
    let mut node = in_term(Bugs::NONE.with(Bug::ReadindexLeaderRace), 3, 1, &[]);
    node.receive(N2, 1, append((0, 0), &[], 0));
    node.read(1);
    node.win();
    let mut effects = Vec::new();
    for _ in 0..60 {
        node.wait(30);
        let term = node.term();
        effects.extend(node.step(Event::Tick));
        for follower in node.others() {
            node.receive(follower, term, accepted(1, 1));
        }
    }
    let to_itself = |effect: &Effect| matches!(effect, Effect::Send { to: NodeId(1), .. });
    assert!(!effects.iter().any(to_itself));
    let given_up = |effect: &Effect| matches!(effect, Effect::Refuse { request: read, .. } if *read == request(1, 1));
    assert!(effects.iter().any(given_up));
}

#[test]
fn read_joins_old_batch() {
    only_with(Bug::ReadJoinsOldBatch, |bugs| {
        let mut leader = in_term(bugs, 3, 1, &[]);
        let before = leader.lead();
        // Round 2 goes out for the first read; a write is committed by an answer to round 1; the second read comes.
        leader.read(1);
        leader.propose(7);
        leader.sync();
        leader.receive(N2, 2, accepted(2, 1));
        assert_eq!(leader.raft.status().commit, LogIndex(before + 1));
        leader.read(2);
        let effects = leader.receive(N2, 2, accepted(2, 2));
        assert_eq!(ready(&effects, request(1, 1)), Some(before));
        ready(&effects, request(1, 2)) == Some(before)
    });
}
