//! Sections 5.3 and 5.4: what is committed, what followers may believe, and figure 8.

use rashomon_node::bugs::Bugs;
use rashomon_node::raft::{Effect, Event, HardState, LogIndex, NodeId, Payload, Term};

use crate::cluster::Cluster;
use crate::solo::{N2, N3, Solo, accepted, append, log, sent};

/// 5.3: a majority commits, the leader included once its own disk has the entry.
#[test]
fn a_majority_of_disks_commits() {
    let mut leader = Solo::in_term(5, 1, &[]);
    leader.win();
    leader.receive(N2, 2, accepted(1, 1));
    leader.receive(N3, 2, accepted(1, 1));
    assert_eq!(leader.raft.status().commit, LogIndex(0), "two of five, the leader's disk is slow");
    leader.sync();
    assert_eq!(leader.raft.status().commit, LogIndex(1));
}

/// `leader-counts-unsynced-self`: followers may commit without the leader's disk, if they are enough.
#[test]
fn followers_alone_can_commit() {
    let mut leader = Solo::in_term(3, 1, &[]);
    leader.win();
    leader.receive(N2, 2, accepted(1, 1));
    assert_eq!(leader.raft.status().commit, LogIndex(0));
    leader.receive(N3, 2, accepted(1, 1));
    assert_eq!(leader.raft.status().commit, LogIndex(1));
}

/// The same answer twice is one follower.
#[test]
fn repeated_answers_do_not_commit() {
    let mut leader = Solo::in_term(5, 1, &[]);
    leader.win();
    leader.sync();
    for _ in 0..4 {
        leader.receive(N2, 2, accepted(1, 1));
    }
    assert_eq!(leader.raft.status().commit, LogIndex(0));
}

/// 5.3: followers learn of a commitment with the next message, and a leader does not wait for the next heartbeat.
#[test]
fn commitment_is_told_at_once() {
    let mut leader = Solo::in_term(3, 1, &[]);
    leader.lead();
    leader.propose(1);
    leader.sync();
    let effects = leader.receive(N2, 2, accepted(2, 1));
    let told: Vec<NodeId> = sent(&effects)
        .iter()
        .filter(|sent| matches!(sent.payload, Payload::AppendRequest { commit: LogIndex(2), .. }))
        .map(|sent| sent.to)
        .collect();
    assert_eq!(&told[..2], [N2, N3]);
}

/// `follower-commit-own-last`: the commit index goes up to the last entry that the message verified, not further.
#[test]
fn a_follower_commits_what_the_message_verified() {
    let mut solo = Solo::in_term(3, 3, &[1, 2, 2, 2]);
    solo.receive(N2, 3, append((1, 1), &[], 4));
    assert_eq!(solo.raft.status().commit, LogIndex(1));
    solo.receive(N2, 3, append((1, 1), &[3], 4));
    assert_eq!(solo.raft.status().commit, LogIndex(2));
}

/// `commit-regress`: it never goes down, also when a new leader does not know better yet.
#[test]
fn the_commit_index_never_falls() {
    let mut solo = Solo::in_term(3, 1, &[]);
    solo.receive(N2, 1, append((0, 0), &[1, 1], 2));
    solo.receive(N3, 2, append((2, 1), &[], 0));
    assert_eq!(solo.raft.status().commit, LogIndex(2));
}

/// 5.4.2: an entry of an older term is not committed by counting, but with one of our own term.
#[test]
fn entries_of_older_terms_are_committed_only_with_one_of_our_own() {
    let mut leader = Solo::in_term(3, 2, &[1, 2]);
    leader.win();
    leader.sync();
    leader.receive(N2, 3, accepted(2, 1));
    leader.receive(N3, 3, accepted(2, 1));
    assert_eq!(leader.raft.status().commit, LogIndex(0), "on every node, and still not committed");
    leader.receive(N2, 3, accepted(3, 1));
    assert_eq!(leader.raft.status().commit, LogIndex(3));
}

/// Figure 8, (a) to (e): S1 of term 4 has put the entry of term 2 on a majority, crashes, and S5 overwrites it. That is
/// right, as long as nobody has been told that it was committed.
#[test]
fn figure_8() {
    let [s1, s2, s3, s4, s5] = [1, 2, 3, 4, 5].map(NodeId);
    // (b): S1 led term 2 and reached S2; S5 led term 3 and reached nobody.
    let logs = [&[1, 2][..], &[1, 2], &[1], &[1], &[1, 3]];
    let logs = logs.iter().map(|terms| log(terms)).collect();
    let mut cluster = Cluster::with_logs(Bugs::NONE, 3, logs);
    cluster.crash(s5);
    // (c): S1 is elected again, in term 4. S4 votes, but its connection breaks; S3 gets the entry of term 2, and the
    // entry of term 4 stays on S1.
    cluster.make_leader_without_appends(s1);
    assert_eq!(cluster.status(s1).term, Term(4));
    let (from, to) = (log(&[1, 2])[1].clone(), s3);
    cluster.hand_over(s1, to, LogIndex(1), Term(1), vec![from]);
    assert_eq!(cluster.durable_terms(s3), [1, 2]);
    let answer = Payload::AppendAccepted { matched: LogIndex(2), round: 1 };
    for follower in [s2, s3] {
        cluster.receive(s1, follower, 4, answer.clone());
    }
    assert_eq!(cluster.status(s1).commit, LogIndex(0), "term 2 is on three of five, not committed");
    // (d): S1 crashes, S5 comes back, is elected as its last term is 3, and overwrites the entry of term 2.
    cluster.crash(s1);
    cluster.start(s5);
    cluster.make_leader(s5);
    cluster.run(100);
    for id in [s2, s3, s4, s5] {
        let terms = cluster.durable_terms(id);
        assert_eq!(&terms[..2], [1, 3], "{id}: {terms:?}");
        assert_eq!(cluster.applied(id)[1], (LogIndex(2), Term(3)), "{id}");
    }
}

/// Figure 8, (e): with an entry of term 4 on a majority, S5 cannot be elected any more.
#[test]
fn figure_8_e() {
    let logs = [&[1, 2, 4][..], &[1, 2, 4], &[1, 2, 4], &[1], &[1, 3]];
    let logs = logs.iter().map(|terms| log(terms)).collect();
    let mut cluster = Cluster::with_logs(Bugs::NONE, 4, logs);
    cluster.crash(NodeId(1));
    cluster.run(3_000);
    let leader = cluster.leader().expect("a leader");
    assert!([NodeId(2), NodeId(3)].contains(&leader), "{leader}");
    assert_eq!(cluster.durable_terms(NodeId(5))[..3], [1, 2, 4]);
}

/// What was committed before a restart is applied again, once, in order and in digestible pieces.
#[test]
fn recovered_commitments_are_applied_on_the_first_step() {
    let hard = HardState { term: Term(1), vote: None, commit: LogIndex(3) };
    let mut solo = Solo::restarted(3, hard, &[1, 1, 1, 1]);
    assert_eq!(solo.raft.next_deadline(), solo.now, "it wants to be ticked at once");
    let effects = solo.step(Event::Tick);
    let applied = |effects: &[Effect]| -> Vec<u64> {
        let entries = effects.iter().filter_map(|effect| match effect {
            Effect::Apply { entries } => Some(entries.iter().map(|entry| entry.index.0)),
            _ => None,
        });
        entries.flatten().collect()
    };
    assert_eq!(applied(&effects), [1, 2, 3]);
    assert!(applied(&solo.step(Event::Tick)).is_empty());
    assert!(solo.raft.next_deadline() > solo.now);
}

/// Large ranges come in several steps, so that a shell can turn to its timers and peers in between.
#[test]
fn large_ranges_are_applied_in_pieces() {
    let mut leader = Solo::in_term(1, 0, &[]);
    leader.tick();
    leader.sync();
    leader.sync();
    let propose = |number| Event::Propose {
        request: crate::solo::request(1, number),
        command: vec![0; 300_000],
    };
    let mut effects = Vec::new();
    leader.raft.step_all(leader.now, (0..10).map(propose), &mut effects);
    effects.clear();
    let io = rashomon_node::raft::IoSeq(3);
    leader.raft.step(leader.now, Event::Persisted(io), &mut effects);
    for pieces in [3, 3, 3, 1] {
        let applied = effects.drain(..).filter_map(|effect| match effect {
            Effect::Apply { entries } => Some(entries.len()),
            _ => None,
        });
        assert_eq!(applied.collect::<Vec<_>>(), [pieces]);
        assert_eq!(
            leader.raft.next_deadline() == leader.now,
            pieces == 3,
            "due while more is left"
        );
        leader.raft.step(leader.now, Event::Tick, &mut effects);
    }
    assert!(effects.is_empty(), "{effects:?}");
}
