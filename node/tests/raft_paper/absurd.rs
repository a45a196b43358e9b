//! No message can make a member panic, or undo what it has committed.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rashomon_node::raft::{
    Entry, Event, LogIndex, Message, NodeId, Payload, RequestId, Role, Term,
};

use crate::solo::{N2, Solo, accepted, append, sent, vote_request};

/// Small numbers, numbers around the member's own, and monstrous ones.
fn number(rng: &mut ChaCha8Rng) -> u64 {
    match rng.random_range(0..10) {
        0 => u64::MAX,
        1 => u64::MAX - rng.random_range(0..3),
        2 => 1 << 62,
        3 => (1 << 62) - 1,
        _ => rng.random_range(0..9),
    }
}

fn payload(rng: &mut ChaCha8Rng) -> Payload {
    let (index, other) = (LogIndex(number(rng)), LogIndex(number(rng)));
    let (term, round) = (Term(number(rng)), number(rng));
    let request = RequestId { node: NodeId(number(rng)), number: number(rng) };
    let granted = rng.random_bool(0.5);
    match rng.random_range(0..11) {
        0 => Payload::PreVoteRequest { last_index: index, last_term: term },
        1 => Payload::PreVoteResponse { granted },
        2 => Payload::VoteRequest { last_index: index, last_term: term },
        3 => Payload::VoteResponse { granted },
        4 => Payload::AppendAccepted { matched: index, round },
        5 => {
            Payload::AppendRejected { prev_index: index, hint_index: other, hint_term: term, round }
        }
        6 => Payload::ReadIndexRequest { request },
        7 => Payload::ReadIndexResponse { request, index: granted.then_some(index) },
        8 => Payload::Propose { request, command: vec![1] },
        9 => Payload::ProposeRejected { request },
        _ => Payload::AppendRequest {
            prev_index: index,
            prev_term: term,
            entries: entries(rng, index),
            commit: other,
            round,
        },
    }
}

fn entries(rng: &mut ChaCha8Rng, prev: LogIndex) -> Vec<Entry> {
    let neat = rng.random_bool(0.7);
    (1..=rng.random_range(0..4u64))
        .map(|at| {
            let index = if neat { prev.0.wrapping_add(at) } else { number(rng) };
            let term = if neat { at } else { number(rng) };
            let (term, index) = (Term(term), LogIndex(index));
            Entry { term, index, request: None, command: Vec::new() }
        })
        .collect()
}

/// A hundred thousand messages of any content, to members in all roles, with time passing in between.
#[test]
fn no_message_makes_a_member_panic() {
    for seed in 0..200 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut solo = Solo::in_term(3, 3, &[1, 2, 3]);
        match seed % 4 {
            0 => {}
            1 => _ = solo.stand(),
            2 => _ = solo.win(),
            _ => _ = solo.lead(),
        }
        for _ in 0..500 {
            let commit = solo.raft.status().commit;
            let term = Term(if rng.random_bool(0.6) { solo.term() } else { number(&mut rng) });
            let from = NodeId(rng.random_range(0..5));
            let message = Message { term, payload: payload(&mut rng) };
            solo.step(Event::Receive { from, message });
            solo.sync();
            if rng.random_bool(0.2) {
                solo.wait(rng.random_range(0..200));
                solo.step(Event::Tick);
            }
            let status = solo.raft.status();
            assert!(status.commit >= commit, "seed {seed}: {status:?}");
            assert!(status.applied == status.commit, "seed {seed}: {status:?}");
        }
        assert!(solo.raft.status().ignored > 0, "seed {seed}");
    }
}

/// Strangers, and a member's own echo.
#[test]
fn strangers_are_ignored() {
    let mut solo = Solo::in_term(3, 1, &[]);
    for stranger in [0, 1, 4, u64::MAX].map(NodeId) {
        assert!(sent(&solo.receive(stranger, 9, vote_request((9, 9)))).is_empty());
    }
    assert_eq!((solo.raft.status().ignored, solo.term()), (4, 1));
}

/// Gaps, falling terms and entries from the future.
#[test]
fn impossible_entries_are_ignored() {
    let gap = |mut payload: Payload| {
        if let Payload::AppendRequest { entries, .. } = &mut payload {
            entries.remove(1);
        }
        payload
    };
    let absurd = [
        gap(append((0, 0), &[1, 1, 1], 0)),
        append((0, 0), &[2, 1], 0),
        append((0, 0), &[1, 9], 0),
        append((0, 1), &[1], 0),
        append((u64::MAX - 1, 1), &[], 0),
    ];
    for payload in absurd {
        let mut solo = Solo::in_term(3, 2, &[]);
        assert!(sent(&solo.receive(N2, 2, payload.clone())).is_empty(), "{payload:?}");
        let status = solo.raft.status();
        assert_eq!((status.ignored, status.last_index), (1, LogIndex(0)), "{payload:?}");
    }
}

/// An acknowledgement of what was never sent, and of a round that never was.
#[test]
fn impossible_acknowledgements_commit_nothing() {
    let mut leader = Solo::in_term(3, 1, &[]);
    leader.win();
    leader.sync();
    leader.receive(N2, 2, accepted(99, 1));
    leader.receive(N2, 2, accepted(1, 99));
    let status = leader.raft.status();
    assert_eq!((status.commit, status.ignored, status.role), (LogIndex(0), 2, Role::Leader));
}

/// A committed entry is contradicted: the message is thrown away and the contradiction counted.
#[test]
fn contradictions_of_committed_entries_are_refused_and_counted() {
    for payload in [append((0, 0), &[2, 2], 0), append((2, 2), &[2], 0)] {
        let mut solo = Solo::in_term(3, 1, &[]);
        solo.receive(N2, 1, append((0, 0), &[1, 1], 2));
        solo.receive(N2, 2, payload);
        let status = solo.raft.status();
        assert_eq!((status.conflicts, status.last_term, status.commit), (1, Term(1), LogIndex(2)));
    }
}
