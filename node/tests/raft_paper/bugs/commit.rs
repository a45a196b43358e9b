//! Bugs of commitment, of what waits for the disk, and of what is applied.

use rashomon_node::bugs::{Bug, Bugs};
use rashomon_node::raft::{Effect, Entry, LogIndex, NodeId, Payload, RequestId, Term};

use super::{in_term, only_with};
use crate::cluster::Cluster;
use crate::solo::{N2, N3, Solo, accepted, append, log, request};

fn commit(solo: &Solo) -> u64 {
    solo.raft.status().commit.0
}

fn applied(effects: &[Effect]) -> Vec<Entry> {
    let entries = |effect: &Effect| match effect {
        Effect::Apply { entries } => Some(entries.clone()),
        _ => None,
    };
    effects.iter().filter_map(entries).flatten().collect()
}

fn has_applied(effects: &[Effect], request: RequestId) -> bool {
    applied(effects).iter().any(|entry| entry.request == Some(request))
}

#[test]
fn figure_8() {
    only_with(Bug::Figure8, |bugs| {
        let mut leader = in_term(bugs, 3, 2, &[1, 2]);
        leader.win();
        leader.sync();
        leader.receive(N2, 3, accepted(2, 1));
        commit(&leader) == 2
    });
}

/// The figure: what S1 has committed in (c) is overwritten in (d).
#[test]
fn figure_8_to_its_end() {
    only_with(Bug::Figure8, |bugs| {
        let [s1, s2, s3, s5] = [1, 2, 3, 5].map(NodeId);
        let logs = [&[1, 2][..], &[1, 2], &[1], &[1], &[1, 3]];
        let logs = logs.iter().map(|terms| log(terms)).collect();
        let mut cluster = Cluster::with_logs(bugs, 3, logs);
        cluster.crash(s5);
        cluster.make_leader_without_appends(s1);
        let entry = log(&[1, 2])[1].clone();
        cluster.hand_over(s1, s3, LogIndex(1), Term(1), vec![entry]);
        for follower in [s2, s3] {
            cluster.receive(s1, follower, 4, accepted(2, 1));
        }
        let committed = cluster.applied(s1).get(1) == Some(&(LogIndex(2), Term(2)));
        cluster.crash(s1);
        cluster.start(s5);
        cluster.make_leader(s5);
        cluster.run(100);
        committed && cluster.applied(s2).get(1) == Some(&(LogIndex(2), Term(3)))
    });
}

#[test]
fn leader_counts_unsynced_self() {
    only_with(Bug::LeaderCountsUnsyncedSelf, |bugs| {
        let mut leader = in_term(bugs, 3, 1, &[]);
        leader.win();
        leader.receive(N2, 2, accepted(1, 1));
        commit(&leader) == 1
    });
}

#[test]
fn follower_commit_own_last() {
    only_with(Bug::FollowerCommitOwnLast, |bugs| {
        let mut by_heartbeat = in_term(bugs, 3, 3, &[1, 2, 2, 2]);
        by_heartbeat.receive(N2, 3, append((1, 1), &[], 4));
        let mut by_entries = in_term(bugs, 3, 3, &[1, 2, 2, 2]);
        by_entries.receive(N2, 3, append((1, 1), &[2], 4));
        (commit(&by_heartbeat), commit(&by_entries)) == (4, 4)
    });
}

#[test]
fn heartbeat_commit_unbounded() {
    only_with(Bug::HeartbeatCommitUnbounded, |bugs| {
        let mut by_heartbeat = in_term(bugs, 3, 3, &[1, 2, 2, 2]);
        by_heartbeat.receive(N2, 3, append((1, 1), &[], 4));
        let mut by_entries = in_term(bugs, 3, 3, &[1, 2, 2, 2]);
        by_entries.receive(N2, 3, append((1, 1), &[2], 4));
        (commit(&by_heartbeat), commit(&by_entries)) == (4, 2)
    });
}

#[test]
fn commit_regress() {
    only_with(Bug::CommitRegress, |bugs| {
        let mut follower = in_term(bugs, 3, 1, &[]);
        let once = applied(&follower.receive(N2, 1, append((0, 0), &[1, 1], 2)));
        follower.receive(N3, 2, append((2, 1), &[], 0));
        let fell = commit(&follower) == 0;
        let again = applied(&follower.receive(N3, 2, append((2, 1), &[], 2)));
        fell && once.len() == 2 && again == once
    });
}

/// Reads on the leader see the write; whoever is to answer it waits for its commitment.
#[test]
fn uncommitted_visible() {
    only_with(Bug::UncommittedVisible, |bugs| {
        let mut leader = in_term(bugs, 3, 1, &[]);
        leader.lead();
        let handed_on = Payload::Propose { request: request(2, 1), command: vec![1] };
        let seen = has_applied(&leader.receive(N2, 2, handed_on), request(2, 1));
        assert!(!has_applied(&leader.propose(7), request(1, 7)), "it would be answered");
        let behind = Payload::Propose { request: request(2, 2), command: vec![2] };
        assert!(!has_applied(&leader.receive(N2, 2, behind), request(2, 2)));
        leader.sync();
        let committed = leader.receive(N2, 2, accepted(4, 1));
        assert!(has_applied(&committed, request(1, 7)));
        seen
    });
}

#[test]
fn apply_before_own_wal() {
    only_with(Bug::ApplyBeforeOwnWal, |bugs| {
        let mut single = in_term(bugs, 1, 1, &[]);
        single.lead();
        has_applied(&single.propose(1), request(1, 1))
    });
    // With peers the disk counts.
    let mut leader = in_term(Bugs::NONE.with(Bug::ApplyBeforeOwnWal), 3, 1, &[]);
    leader.win();
    leader.receive(N2, 2, accepted(1, 1));
    assert_eq!(commit(&leader), 0);
}

#[test]
fn total_loss_on_failover() {
    only_with(Bug::TotalLossOnFailover, |bugs| {
        let mut cluster = Cluster::with_bugs(3, bugs);
        let leader = cluster.elect();
        cluster.write(leader, 1);
        cluster.run(200);
        cluster.crash(leader);
        cluster.run(1_000);
        let new = cluster.leader().expect("a leader of the other two");
        cluster.write(new, 2);
        let status = cluster.status(new);
        assert_eq!(status.applied, status.commit);
        !cluster.applied(new).iter().any(|(index, _)| *index == LogIndex(2))
    });
}
