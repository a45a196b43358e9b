//! Bugs of the log.

use rashomon_node::bugs::{Bug, Bugs};
use rashomon_node::raft::{Effect, Event, IoSeq, LogIndex, NodeId, Payload, Term};

use super::{in_term, only_with};
use crate::cluster::Cluster;
use crate::solo::{N1, N2, N3, Solo, accepted, append, log, only, request, sent};

/// Ends with entry `index` of `term`.
fn ends_with(solo: &Solo, index: u64, term: u64) -> bool {
    let status = solo.raft.status();
    (status.last_index, status.last_term) == (LogIndex(index), Term(term))
}

fn rejected(prev: u64, (hint_index, hint_term): (u64, u64)) -> Payload {
    Payload::AppendRejected {
        prev_index: LogIndex(prev),
        hint_index: LogIndex(hint_index),
        hint_term: Term(hint_term),
        round: 1,
    }
}

/// Where messages with entries or without begin that `effects` send to `node`.
fn begins(effects: &[Effect], node: NodeId) -> Vec<u64> {
    let begin = |payload: &Payload| match payload {
        Payload::AppendRequest { prev_index, .. } => Some(prev_index.0),
        _ => None,
    };
    let to_node = sent(effects).into_iter().filter(|sent| sent.to == node);
    to_node.filter_map(|sent| begin(&sent.payload)).collect()
}

#[test]
fn no_prev_term_check() {
    only_with(Bug::NoPrevTermCheck, |bugs| {
        let mut follower = in_term(bugs, 3, 2, &[1, 1]);
        follower.receive(N2, 2, append((2, 2), &[2], 0));
        ends_with(&follower, 3, 2)
    });
}

#[test]
fn no_conflict_truncate() {
    only_with(Bug::NoConflictTruncate, |bugs| {
        let mut follower = in_term(bugs, 3, 2, &[1, 1, 1]);
        follower.receive(N2, 2, append((1, 1), &[2], 0));
        ends_with(&follower, 3, 1)
    });
}

#[test]
fn truncate_always() {
    only_with(Bug::TruncateAlways, |bugs| {
        let mut follower = in_term(bugs, 3, 1, &[]);
        follower.receive(N2, 1, append((0, 0), &[1, 1, 1], 0));
        follower.receive(N2, 1, append((0, 0), &[1, 1], 0));
        let cut_by_entries = ends_with(&follower, 2, 1);
        follower.receive(N2, 1, append((1, 1), &[], 0));
        cut_by_entries && ends_with(&follower, 1, 1)
    });
}

/// What was cut off in memory is written again when it comes again.
#[test]
fn truncate_always_and_the_disk() {
    let mut follower = in_term(Bugs::NONE.with(Bug::TruncateAlways), 3, 1, &[]);
    follower.receive(N2, 1, append((0, 0), &[1, 1, 1], 3));
    follower.receive(N2, 1, append((0, 0), &[], 0));
    let effects = follower.receive(N2, 1, append((0, 0), &[1], 1));
    let written = effects.iter().find_map(|effect| match effect {
        Effect::Write { entries, .. } => Some(entries.len()),
        _ => None,
    });
    assert_eq!(written, Some(1), "{effects:?}");
    follower.sync();
    assert_eq!(follower.raft.status().durable, LogIndex(1));
}

#[test]
fn append_at_end() {
    only_with(Bug::AppendAtEnd, |bugs| {
        let mut follower = in_term(bugs, 3, 1, &[]);
        follower.receive(N2, 1, append((0, 0), &[1], 0));
        follower.receive(N2, 1, append((0, 0), &[1], 0));
        ends_with(&follower, 2, 1)
    });
}

#[test]
fn match_regress() {
    only_with(Bug::MatchRegress, |bugs| {
        let mut leader = in_term(bugs, 3, 1, &[]);
        leader.lead();
        for number in 1..=3 {
            leader.propose(number);
        }
        leader.receive(N2, 2, accepted(4, 1));
        leader.receive(N2, 2, accepted(2, 1));
        begins(&leader.step(Event::Unreachable(N2)), N2) == [2]
    });
}

#[test]
fn ack_own_last_index() {
    only_with(Bug::AckOwnLastIndex, |bugs| {
        let mut follower = in_term(bugs, 3, 2, &[1, 1, 1]);
        let answer = only(&follower.receive(N2, 2, append((1, 1), &[], 0)));
        matches!(answer.payload, Payload::AppendAccepted { matched: LogIndex(3), .. })
    });
}

#[test]
fn gap_in_batch() {
    only_with(Bug::GapInBatch, |bugs| {
        let mut leader = in_term(bugs, 3, 1, &[]);
        leader.lead();
        // Two that do not fit into one message, and a small one.
        let commands = [(1, 600 << 10), (2, 600 << 10), (3, 10)];
        let propose = |(number, bytes): (u64, usize)| Event::Propose {
            request: request(1, number),
            command: vec![0; bytes],
        };
        let mut effects = Vec::new();
        leader.raft.step_all(leader.now, commands.map(propose), &mut effects);
        let to_n2 = sent(&effects).into_iter().filter(|sent| sent.to == N2);
        let requests: Vec<_> = to_n2
            .filter_map(|sent| match sent.payload {
                Payload::AppendRequest { entries, .. } => Some(entries),
                _ => None,
            })
            .flatten()
            .filter_map(|entry| Some((entry.index.0, entry.request?.number)))
            .collect();
        requests == [(2, 1), (3, 3), (4, 3)]
    });
}

#[test]
fn no_backoff() {
    only_with(Bug::NoBackoff, |bugs| {
        let logs = vec![log(&[1, 1, 1]), log(&[1, 1, 1]), log(&[1])];
        let mut cluster = Cluster::with_logs(bugs, 1, logs);
        cluster.make_leader(N1);
        cluster.run(500);
        cluster.status(N3).last_index < cluster.status(N1).commit
    });
}

#[test]
fn stale_nack() {
    only_with(Bug::StaleNack, |bugs| {
        let mut leader = in_term(bugs, 3, 1, &[]);
        leader.lead();
        for number in 1..=3 {
            leader.propose(number);
        }
        leader.receive(N2, 2, accepted(4, 1));
        begins(&leader.receive(N2, 2, rejected(2, (1, 2))), N2) == [1]
    });
    only_with(Bug::StaleNack, |bugs| {
        let mut follower = in_term(bugs, 3, 1, &[]);
        follower.receive(N2, 1, append((0, 0), &[1, 1, 1], 0));
        follower.receive(N2, 1, append((1, 1), &[], 0));
        ends_with(&follower, 1, 1)
    });
}

#[test]
fn hint_as_match() {
    only_with(Bug::HintAsMatch, |bugs| {
        let mut leader = in_term(bugs, 3, 2, &[1]);
        leader.win();
        leader.sync();
        leader.receive(N2, 3, rejected(2, (2, 2)));
        leader.raft.status().commit == LogIndex(2)
    });
}

#[test]
fn append_aba() {
    only_with(Bug::AppendAba, |bugs| {
        let mut follower = in_term(bugs, 3, 1, &[]);
        follower.receive(N2, 1, append((0, 0), &[1, 1, 1], 0));
        follower.receive(N3, 2, append((1, 1), &[2, 2], 0));
        follower.step(Event::Persisted(IoSeq(1)));
        follower.raft.status().durable == LogIndex(3)
    });
    only_with(Bug::AppendAba, |bugs| {
        let mut follower = in_term(bugs, 3, 2, &[]);
        follower.receive(N2, 2, append((0, 0), &[1, 1, 1], 0));
        let replaced = only(&follower.receive(N2, 2, append((1, 1), &[2], 0)));
        // The same entry again: it is on its way in the second write, the first had another.
        let again = only(&follower.receive(N2, 2, append((1, 1), &[2], 0)));
        assert_eq!(replaced.after, IoSeq(2));
        again.after == IoSeq(1)
    });
}

#[test]
fn first_index_zero() {
    only_with(Bug::FirstIndexZero, |bugs| {
        let mut follower = in_term(bugs, 3, 2, &[1, 1]);
        follower.receive(N2, 2, append((0, 0), &[2, 2, 2], 0));
        let kept = follower.raft.status().last_index == LogIndex(3);
        kept && {
            // Elsewhere conflicts are repaired.
            follower.receive(N2, 3, append((1, 1), &[3], 0));
            ends_with(&follower, 2, 3)
        }
    });
}

/// A follower that cannot be repaired costs messages with each heartbeat, not as many as the links carry.
#[test]
fn logs_that_stay_apart_do_not_keep_the_cluster_busy() {
    let bugs = [
        Bug::NoPrevTermCheck,
        Bug::NoConflictTruncate,
        Bug::TruncateAlways,
        Bug::AppendAtEnd,
        Bug::AckOwnLastIndex,
        Bug::NoBackoff,
        Bug::StaleNack,
        Bug::HintAsMatch,
        Bug::FirstIndexZero,
    ];
    for bug in bugs {
        let logs = vec![log(&[1, 2, 2]), log(&[1, 2, 2]), log(&[1, 1, 1, 1, 1])];
        let mut cluster = Cluster::with_logs(Bugs::NONE.with(bug), 2, logs);
        cluster.make_leader(N1);
        for number in 1..=3 {
            cluster.propose(N1, number);
            cluster.run(100);
        }
        let before = cluster.deliveries();
        cluster.run(1_000);
        let messages = cluster.deliveries() - before;
        assert!(messages < 1_000, "{bug}: {messages} messages in a second");
    }
}
