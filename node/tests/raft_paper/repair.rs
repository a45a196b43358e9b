//! Section 5.3: logs are made equal to the leader's, quickly, and nothing else is touched.

use rashomon_node::bugs::Bugs;
use rashomon_node::raft::{IoSeq, LogIndex, NodeId, Payload, Term};

use crate::cluster::Cluster;
use crate::solo::{N2, N3, Solo, accepted, append, append_in_round, log, only, sent, terms_in};

fn rejected(prev: u64, hint: (u64, u64)) -> Payload {
    Payload::AppendRejected {
        prev_index: LogIndex(prev),
        hint_index: LogIndex(hint.0),
        hint_term: Term(hint.1),
        round: 1,
    }
}

/// Figure 7: whatever a follower's log looks like, the leader of term 8 makes it its own, in a few messages.
#[test]
fn figure_7() {
    let logs: [&[u64]; 7] = [
        &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6],
        &[1, 1, 1, 4, 4, 5, 5, 6, 6],
        &[1, 1, 1, 4],
        &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
        &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
        &[1, 1, 1, 4, 4, 4, 4],
        &[1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ];
    let logs = logs.iter().map(|terms| log(terms)).collect();
    let mut cluster = Cluster::with_logs(Bugs::NONE, 7, logs);
    let leader = NodeId(1);
    cluster.make_leader(leader);
    assert_eq!(cluster.status(leader).term, Term(8));
    cluster.run(100);
    for id in (1..=7).map(NodeId) {
        assert_eq!(cluster.durable_terms(id), [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 8], "{id}");
        assert_eq!(cluster.status(id).commit, LogIndex(11), "{id}");
    }
}

/// 5.3: the entry before must match in index and term.
#[test]
fn entries_are_refused_where_the_logs_differ() {
    for (prev, taken) in [((0, 0), true), ((2, 2), true), ((2, 1), false), ((3, 2), false)] {
        let mut solo = Solo::in_term(3, 2, &[1, 2]);
        solo.receive(N2, 2, append((0, 0), &[], 0));
        let answer = only(&solo.receive(N2, 2, append(prev, &[2], 0)));
        let is_taken = matches!(answer.payload, Payload::AppendAccepted { .. });
        assert_eq!(is_taken, taken, "{prev:?}: {answer:?}");
    }
}

/// 5.3: a conflict takes the whole suffix with it.
#[test]
fn a_conflicting_suffix_is_replaced() {
    let mut solo = Solo::in_term(3, 3, &[1, 1, 2, 2, 2]);
    solo.receive(N2, 3, append((2, 1), &[3], 0));
    let status = solo.raft.status();
    assert_eq!((status.last_index, status.last_term), (LogIndex(3), Term(3)));
}

/// A late or repeated message cuts nothing off (`truncate-always`) and lands where it belongs (`append-at-end`).
#[test]
fn old_messages_leave_newer_entries_alone() {
    let mut solo = Solo::in_term(3, 1, &[]);
    solo.receive(N2, 1, append((0, 0), &[1, 1, 1, 1], 0));
    for late in [append((0, 0), &[1, 1], 0), append((1, 1), &[], 0), append((0, 0), &[1; 4], 0)] {
        let effects = solo.receive(N2, 1, late);
        assert_eq!(solo.raft.status().last_index, LogIndex(4));
        assert_eq!(sent(&effects).len(), effects.len(), "nothing is written: {effects:?}");
    }
}

/// `ack-own-last-index`: an acknowledgement covers the message it answers, not what else is in the log.
#[test]
fn acknowledgements_cover_what_was_verified() {
    let mut solo = Solo::in_term(3, 3, &[1, 2, 2, 2]);
    let answer = only(&solo.receive(N2, 3, append((1, 1), &[], 0)));
    assert_eq!(answer.payload, accepted(1, 1));
    let answer = only(&solo.receive(N2, 3, append((1, 1), &[2], 0)));
    assert_eq!(answer.payload, accepted(2, 1));
}

/// 5.3, with hints from both sides: a whole term is skipped in one round trip (etcd's `findConflictByTerm`).
#[test]
fn hints_skip_whole_terms() {
    let mut follower = Solo::in_term(3, 6, &[1, 1, 1, 2, 2, 2, 2, 3, 3]);
    let answer = only(&follower.receive(N2, 6, append((9, 5), &[6], 0)));
    assert_eq!(answer.payload, rejected(9, (9, 3)));
    let answer = only(&follower.receive(N2, 6, append((8, 2), &[5, 6], 0)));
    assert_eq!(answer.payload, rejected(8, (7, 2)));

    let mut leader = Solo::in_term(3, 5, &[1, 1, 1, 5, 5, 5, 5, 5, 5]);
    leader.win();
    let probe = only(&leader.receive(N2, 6, rejected(9, (9, 3))));
    // Everything of ours above index 3 is later than term 3.
    let Payload::AppendRequest { prev_index, prev_term, .. } = &probe.payload else { panic!() };
    assert_eq!((*prev_index, *prev_term), (LogIndex(3), Term(1)));
    assert_eq!(terms_in(&probe.payload), [5, 5, 5, 5, 5, 5, 6]);
}

/// A probe is one message; what is lost is tried again with the next heartbeat.
#[test]
fn a_probe_waits_for_its_answer_or_the_next_round() {
    let mut leader = Solo::in_term(3, 1, &[1]);
    let first = sent(&leader.win());
    assert_eq!(first.iter().filter(|sent| terms_in(&sent.payload) == [2]).count(), 2, "{first:?}");
    assert!(sent(&leader.propose(1)).is_empty());
    let again = sent(&leader.tick());
    assert_eq!(again.len(), 2, "{again:?}");
    let entries = sent(&leader.receive(N2, 2, accepted(1, 2)));
    assert_eq!(terms_in(&entries[0].payload), [2, 2]);
}

/// Pipelining: entries leave without waiting for answers, up to the window; answers make room.
#[test]
fn replication_is_pipelined_up_to_the_window() {
    let mut leader = Solo::in_term(3, 1, &[]);
    leader.lead();
    let mut to_n2 = 0;
    for number in 0..20 {
        to_n2 += sent(&leader.propose(number)).iter().filter(|sent| sent.to == N2).count();
    }
    assert_eq!(to_n2, 8, "inflight_max");
    let more = sent(&leader.receive(N2, 2, accepted(2, 1)));
    let more: Vec<_> = more.iter().filter(|sent| sent.to == N2).collect();
    assert_eq!(more.len(), 1, "{more:?}");
    assert_eq!(terms_in(&more[0].payload).len(), 12, "what waited leaves together");
}

/// A broken connection may have swallowed what was on its way: back to the last confirmed entry.
#[test]
fn unreachable_goes_back_to_the_last_match() {
    let mut leader = Solo::in_term(3, 1, &[]);
    let at = leader.lead();
    leader.propose(1);
    let effects = leader.step(rashomon_node::raft::Event::Unreachable(N2));
    let probe = only(&effects);
    let Payload::AppendRequest { prev_index, .. } = &probe.payload else { panic!() };
    assert_eq!((probe.to, *prev_index), (N2, LogIndex(at)));
    assert_eq!(terms_in(&probe.payload), [2]);
}

/// Late answers of both kinds change nothing (`match-regress`, `stale-nack`).
#[test]
fn late_answers_change_nothing() {
    let mut leader = Solo::in_term(5, 1, &[1, 1]);
    leader.win();
    leader.sync();
    leader.receive(N2, 2, accepted(3, 1));
    assert!(sent(&leader.receive(N2, 2, rejected(2, (0, 0)))).is_empty());
    assert!(sent(&leader.receive(N2, 2, accepted(1, 1))).is_empty());
    leader.receive(N3, 2, accepted(3, 1));
    assert_eq!(leader.raft.status().commit, LogIndex(3), "n2 still counts for 3");
}

/// Batches keep to their size, but one entry always fits.
#[test]
fn entries_proposed_together_leave_together() {
    let mut leader = Solo::in_term(3, 1, &[]);
    leader.lead();
    let propose = |number| rashomon_node::raft::Event::Propose {
        request: crate::solo::request(1, number),
        command: vec![0; 100],
    };
    let mut effects = Vec::new();
    leader.raft.step_all(leader.now, (1..=5).map(propose), &mut effects);
    let messages = sent(&effects);
    assert_eq!(messages.len(), 2, "one message a follower");
    assert!(
        messages.iter().all(|sent| terms_in(&sent.payload).len() == 5 && sent.after == IoSeq(0))
    );
    let writes = effects.iter().filter(|effect| {
        matches!(effect, rashomon_node::raft::Effect::Write { entries, .. } if entries.len() == 5)
    });
    assert_eq!(writes.count(), 1, "one write");
}

/// A member that was down while the log grew gets all of it, in batches, and its state machine every entry once.
#[test]
fn a_member_that_was_away_catches_up() {
    let mut cluster = Cluster::new(3);
    let leader = cluster.elect();
    let away = cluster.followers(leader)[0];
    cluster.crash(away);
    for number in 0..200 {
        cluster.propose(leader, number);
        cluster.run(1);
    }
    cluster.start(away);
    cluster.run(200);
    let indices: Vec<u64> = cluster.applied(away).iter().map(|(index, _)| index.0).collect();
    assert_eq!(indices, (1..=cluster.status(leader).commit.0).collect::<Vec<_>>());
    assert!(indices.len() > 200);
}

/// The round comes back also with a refusal: refusing entries still confirms who leads.
#[test]
fn rounds_are_echoed() {
    let mut solo = Solo::in_term(3, 2, &[1]);
    let answer = only(&solo.receive(N2, 2, append_in_round((1, 1), &[], 0, 17)));
    assert_eq!(answer.payload, accepted(1, 17));
    let answer = only(&solo.receive(N2, 2, append_in_round((5, 2), &[], 0, 18)));
    assert!(matches!(answer.payload, Payload::AppendRejected { round: 18, .. }), "{answer:?}");
}
