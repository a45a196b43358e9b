//! The built-in bugs, one directed story each: what goes wrong, and that it does not without the switch.
//!
//! The first eight are here, the others by family. Bugs of the shell have their stories beside their code.

mod commit;
mod election;
mod handed_on;
mod log;
mod read;

use rashomon_node::bugs::{Bug, Bugs};
use rashomon_node::raft::{Effect, Event, HardState, IoSeq, LogIndex, NodeId, Payload, Role, Term};

use crate::cluster::Cluster;
use crate::solo::{N2, N3, Solo, answers, append, only, request, vote_request};

fn with(bug: Bug, members: u64, term: u64, terms: &[u64]) -> Solo {
    let hard = HardState { term: Term(term), ..HardState::default() };
    Solo::with_bugs(members, hard, terms, Bugs::NONE.with(bug))
}

/// Member 1 of `members` in `term`, without a vote.
fn in_term(bugs: Bugs, members: u64, term: u64, terms: &[u64]) -> Solo {
    Solo::with_bugs(members, HardState { term: Term(term), ..HardState::default() }, terms, bugs)
}

fn voted(term: u64, vote: NodeId) -> HardState {
    HardState { term: Term(term), vote: Some(vote), commit: LogIndex(0) }
}

/// Both ways: `story` is true with the bug and false without.
fn only_with(bug: Bug, story: impl Fn(Bugs) -> bool) {
    assert!(story(Bugs::NONE.with(bug)), "{bug} does nothing");
    assert!(!story(Bugs::NONE), "{bug} shows without being switched on");
}

#[test]
fn local_leader_read() {
    only_with(Bug::LocalLeaderRead, |bugs| {
        let mut cluster = Cluster::with_bugs(3, bugs);
        let leader = cluster.elect();
        cluster.isolate(leader);
        let read = cluster.read(leader, 1);
        matches!(cluster.answer(leader, read), Some(Effect::ReadReady { .. }))
    });
}

#[test]
fn follower_local_read() {
    only_with(Bug::FollowerLocalRead, |bugs| {
        let mut cluster = Cluster::with_bugs(3, bugs);
        let leader = cluster.elect();
        let follower = cluster.followers(leader)[0];
        cluster.isolate(follower);
        cluster.write(leader, 1);
        let read = cluster.read(follower, 1);
        let behind = cluster.status(leader).commit;
        matches!(cluster.answer(follower, read), Some(Effect::ReadReady { index, .. }) if index < behind)
    });
}

#[test]
fn commit_minority() {
    only_with(Bug::CommitMinority, |bugs| {
        let mut cluster = Cluster::with_bugs(3, bugs);
        let leader = cluster.elect();
        cluster.isolate(leader);
        let lost = cluster.propose(leader, 1);
        let told = cluster.has_applied(leader, lost);
        cluster.run(1_000);
        cluster.heal();
        let new = cluster.leader().expect("a leader of the majority");
        cluster.write(new, 2);
        cluster.run(500);
        told && !cluster.has_applied(new, lost) && cluster.status(leader).leader == Some(new)
    });
}

#[test]
fn ack_on_append_has_what_the_shell_needs() {
    let mut leader = with(Bug::AckOnAppend, 3, 1, &[]);
    leader.lead();
    let own = leader.propose(1);
    assert!(own.contains(&Effect::Appended { request: request(1, 1), index: LogIndex(2) }));
    let forwarded = Payload::Propose { request: request(2, 1), command: vec![1] };
    let effects = leader.receive(N2, 2, forwarded);
    assert!(effects.contains(&Effect::Appended { request: request(2, 1), index: LogIndex(3) }));
}

#[test]
fn ack_before_fsync() {
    only_with(Bug::AckBeforeFsync, |bugs| {
        let mut solo = Solo::with_bugs(3, HardState::default(), &[], bugs);
        let answer = only(&solo.receive(N2, 1, append((0, 0), &[1], 0)));
        answer.after == IoSeq(0)
    });
    only_with(Bug::AckBeforeFsync, |bugs| {
        let mut leader = Solo::with_bugs(3, HardState::default(), &[], bugs);
        leader.win();
        leader.receive(N2, 1, crate::solo::accepted(1, 1));
        leader.raft.status().commit == LogIndex(1)
    });
}

/// Followers that lost what they had acknowledged are repaired all the same, or the cluster would just stop.
#[test]
fn ack_before_fsync_does_not_get_stuck() {
    let mut cluster = Cluster::with_bugs(3, Bugs::NONE.with(Bug::AckBeforeFsync));
    let leader = cluster.elect();
    (0..5).for_each(|number| cluster.write(leader, number));
    let follower = cluster.followers(leader)[0];
    cluster.crash(follower);
    cluster.disk_mut(follower).entries.truncate(1);
    cluster.start(follower);
    cluster.run(300);
    assert_eq!(cluster.status(follower).last_index, cluster.status(leader).last_index);
    assert_eq!(cluster.leader(), Some(leader));
}

#[test]
fn vote_ignores_log() {
    only_with(Bug::VoteIgnoresLog, |bugs| {
        let mut solo = Solo::with_bugs(3, HardState::default(), &[1, 1], bugs);
        let answer = only(&solo.receive(N2, 2, vote_request((0, 0))));
        answer.payload == Payload::VoteResponse { granted: true }
    });
}

/// With the bug a committed entry is overwritten, and every process lives on to tell.
#[test]
fn vote_ignores_log_loses_committed_entries() {
    let bugs = Bugs::NONE.with(Bug::VoteIgnoresLog);
    let logs = vec![crate::solo::log(&[1, 1]), crate::solo::log(&[1, 1]), crate::solo::log(&[1])];
    let mut cluster = Cluster::with_logs(bugs, 1, logs);
    for id in [1, 2].map(NodeId) {
        cluster.crash(id);
        cluster.disk_mut(id).hard.commit = LogIndex(2);
        cluster.start(id);
    }
    cluster.make_leader(NodeId(3));
    cluster.run(100);
    assert_eq!(cluster.durable_terms(NodeId(1)), [1, 2]);
    let applied = [(1, 1), (2, 1), (2, 2)].map(|(index, term)| (LogIndex(index), Term(term)));
    assert_eq!(cluster.applied(NodeId(1)), applied, "over the dirty state");
}

#[test]
fn half_quorum() {
    only_with(Bug::HalfQuorum, |bugs| {
        let mut cluster = Cluster::with_bugs(4, bugs);
        let leader = cluster.elect();
        let friend = cluster.followers(leader)[0];
        cluster.split(&[leader, friend]);
        cluster.run(1_500);
        let roles = (1..=4).map(|id| cluster.status(NodeId(id)).role);
        roles.filter(|role| *role == Role::Leader).count() == 2
    });
}

#[test]
fn apply_on_receipt() {
    only_with(Bug::ApplyOnReceipt, |bugs| {
        let mut solo = Solo::with_bugs(3, HardState::default(), &[], bugs);
        let effects = solo.receive(N2, 1, append((0, 0), &[1, 1], 0));
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Apply { entries } if entries.len() == 2))
    });
}

/// With the bug what was applied is replaced, and the replacement applied over it.
#[test]
fn apply_on_receipt_applies_replacements_over_the_dirty_state() {
    let mut solo = with(Bug::ApplyOnReceipt, 3, 1, &[]);
    solo.receive(N2, 1, append((0, 0), &[1, 1], 0));
    let effects = solo.receive(N3, 2, append((1, 1), &[2], 0));
    let applied = effects.iter().find_map(|effect| match effect {
        Effect::Apply { entries } => Some(entries.iter().map(|entry| entry.index.0).collect()),
        _ => None,
    });
    assert_eq!(applied, Some(vec![2]));
    let answered = solo.step(Event::Tick);
    assert!(answers(&answered).is_empty());
}
