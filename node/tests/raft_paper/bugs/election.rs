//! Bugs of elections.

use rashomon_node::bugs::{Bug, Bugs};
use rashomon_node::raft::{Effect, Event, IoSeq, LogIndex, NodeId, Payload, Role, Term};

use super::{in_term, only_with, voted};
use crate::cluster::Cluster;
use crate::solo::{
    ELECTION_TIMEOUT, N1, N2, N3, Solo, append, log, only, pre_vote_request, sent, vote_request,
};

const YES: Payload = Payload::VoteResponse { granted: true };

/// Whether `solo` votes for `candidate` in `term`.
fn votes(solo: &mut Solo, candidate: NodeId, term: u64, last: (u64, u64)) -> bool {
    only(&solo.receive(candidate, term, vote_request(last))).payload == YES
}

fn rejected() -> Payload {
    let (prev_index, hint_index) = (LogIndex(0), LogIndex(0));
    Payload::AppendRejected { prev_index, hint_index, hint_term: Term(0), round: 0 }
}

fn leaders(cluster: &Cluster, members: u64) -> usize {
    let roles = (1..=members).map(|id| cluster.status(NodeId(id)).role);
    roles.filter(|role| *role == Role::Leader).count()
}

#[test]
fn vote_unsynced() {
    only_with(Bug::VoteUnsynced, |bugs| {
        let mut voter = in_term(bugs, 3, 1, &[]);
        let answer = only(&voter.receive(N2, 2, vote_request((0, 0))));
        assert_eq!(answer.payload, YES);
        answer.after == IoSeq(0)
    });
}

#[test]
fn term_not_persisted() {
    only_with(Bug::TermNotPersisted, |bugs| {
        let mut restarted = Solo::with_bugs(3, voted(5, N2), &[1], bugs);
        votes(&mut restarted, N3, 5, (1, 1))
    });
}

#[test]
fn votedfor_reset_on_append() {
    only_with(Bug::VotedForResetOnAppend, |bugs| {
        let mut voter = in_term(bugs, 3, 1, &[]);
        assert!(votes(&mut voter, N2, 2, (0, 0)));
        voter.receive(N2, 2, append((0, 0), &[], 0));
        // It loses the leader of term 2, and hears of another candidate of that term.
        voter.tick();
        votes(&mut voter, N3, 2, (0, 0))
    });
}

#[test]
fn vote_without_term_update() {
    only_with(Bug::VoteWithoutTermUpdate, |bugs| {
        let mut voter = in_term(bugs, 3, 1, &[]);
        votes(&mut voter, N2, 2, (0, 0)) && votes(&mut voter, N3, 2, (0, 0))
    });
}

#[test]
fn vote_index_only() {
    only_with(Bug::VoteIndexOnly, |bugs| {
        let longer_but_older = votes(&mut in_term(bugs, 3, 2, &[1, 2]), N2, 3, (3, 1));
        let shorter_but_newer = votes(&mut in_term(bugs, 3, 2, &[1, 1]), N2, 3, (1, 2));
        longer_but_older && !shorter_but_newer
    });
}

#[test]
fn vote_vector_compare() {
    only_with(Bug::VoteVectorCompare, |bugs| {
        let shorter_but_newer = votes(&mut in_term(bugs, 3, 2, &[1, 1]), N2, 3, (1, 2));
        let longer_but_older = votes(&mut in_term(bugs, 3, 2, &[2]), N2, 3, (2, 1));
        !shorter_but_newer && !longer_but_older
    });
    only_with(Bug::VoteVectorCompare, |bugs| {
        let logs = vec![log(&[1, 1, 1]), log(&[1, 2]), log(&[1])];
        let mut cluster = Cluster::with_logs(bugs, 2, logs);
        cluster.crash(N3);
        cluster.run(3_000);
        cluster.leader().is_none()
    });
}

#[test]
fn votes_double_counted() {
    only_with(Bug::VotesDoubleCounted, |bugs| {
        let mut candidate = in_term(bugs, 5, 1, &[]);
        candidate.stand();
        candidate.sync();
        candidate.receive(N2, 2, YES);
        candidate.receive(N2, 2, YES);
        candidate.role() == Role::Leader
    });
}

#[test]
fn stale_vote_counted() {
    only_with(Bug::StaleVoteCounted, |bugs| {
        let mut candidate = in_term(bugs, 3, 1, &[]);
        candidate.stand();
        candidate.sync();
        candidate.tick();
        candidate.stand();
        candidate.sync();
        candidate.receive(N2, 2, YES);
        (candidate.role(), candidate.term()) == (Role::Leader, 3)
    });
}

#[test]
fn majority_const_3() {
    only_with(Bug::MajorityConst3, |bugs| {
        let mut cluster = Cluster::with_bugs(7, bugs);
        let leader = cluster.elect();
        let friends = cluster.followers(leader);
        cluster.split(&[leader, friends[0], friends[1]]);
        cluster.run(1_500);
        leaders(&cluster, 7) == 2
    });
    only_with(Bug::MajorityConst3, |bugs| {
        let mut cluster = Cluster::with_bugs(3, bugs);
        cluster.isolate(N3);
        cluster.run(1_500);
        leaders(&cluster, 3) == 0
    });
}

#[test]
fn win_without_recheck() {
    only_with(Bug::WinWithoutRecheck, |bugs| {
        let mut late = in_term(bugs, 3, 1, &[]);
        late.stand();
        late.sync();
        late.receive(N3, 3, append((0, 0), &[3], 0));
        late.receive(N2, 2, YES);
        (late.role(), late.term()) == (Role::Leader, 3)
    });
}

#[test]
fn zombie_heartbeats() {
    only_with(Bug::ZombieHeartbeats, |bugs| {
        let mut zombie = in_term(bugs, 3, 1, &[]);
        zombie.lead();
        zombie.receive(N2, 9, rejected());
        zombie.receive(N3, 9, append((1, 2), &[9], 2));
        let said = sent(&zombie.tick());
        let is_its_own = |payload: &Payload| matches!(payload, Payload::AppendRequest { .. });
        said.iter().any(|sent| sent.term == Term(9) && is_its_own(&sent.payload))
    });
    only_with(Bug::ZombieHeartbeats, |bugs| {
        let logs = vec![log(&[1]); 3];
        let mut cluster = Cluster::with_logs(bugs, 1, logs);
        cluster.make_leader(N1);
        cluster.run(50);
        cluster.isolate(N1);
        let lost = cluster.propose(N1, 1);
        cluster.run(1_000);
        let new = cluster.leader().expect("a leader of the other two");
        cluster.write(new, 2);
        cluster.heal();
        cluster.run(100);
        cluster.propose(N1, 3);
        cluster.run(500);
        // The write of the old leader has taken the place of one that was committed.
        cluster.has_applied(N1, lost)
    });
}

#[test]
fn ignore_higher_term_reply() {
    only_with(Bug::IgnoreHigherTermReply, |bugs| {
        let mut leader = in_term(bugs, 3, 1, &[]);
        leader.lead();
        leader.receive(N2, 9, rejected());
        leader.receive(N2, 9, Payload::PreVoteResponse { granted: false });
        (leader.role(), leader.term()) == (Role::Leader, 2)
    });
}

#[test]
fn accept_old_term_append() {
    only_with(Bug::AcceptOldTermAppend, |bugs| {
        let mut follower = in_term(bugs, 3, 3, &[1, 3]);
        follower.receive(N2, 2, append((1, 1), &[2], 0));
        follower.raft.status().last_term == Term(2)
    });
}

#[test]
fn prevote_bumps_term() {
    only_with(Bug::PrevoteBumpsTerm, |bugs| {
        let mut asker = in_term(bugs, 3, 4, &[]);
        asker.tick();
        (asker.role(), asker.term()) == (Role::PreCandidate, 5)
    });
    only_with(Bug::PrevoteBumpsTerm, |bugs| {
        let mut leader = in_term(bugs, 3, 1, &[]);
        leader.lead();
        leader.receive(N2, 9, pre_vote_request((0, 0)));
        (leader.role(), leader.term()) == (Role::Follower, 9)
    });
}

/// It does not keep the cluster from electing somebody.
#[test]
fn prevote_bumps_term_still_elects() {
    let mut cluster = Cluster::with_bugs(3, Bugs::NONE.with(Bug::PrevoteBumpsTerm));
    let leader = cluster.elect();
    cluster.write(leader, 1);
}

#[test]
fn prevote_no_lease() {
    only_with(Bug::PrevoteNoLease, |bugs| {
        let mut voter = in_term(bugs, 3, 1, &[]);
        voter.receive(N2, 1, append((0, 0), &[], 0));
        let asked = only(&voter.receive(N3, 2, pre_vote_request((0, 0))));
        asked.payload == (Payload::PreVoteResponse { granted: true })
    });
    only_with(Bug::PrevoteNoLease, |bugs| {
        let mut leader = in_term(bugs, 3, 1, &[]);
        leader.lead();
        leader.receive(N2, 3, vote_request((0, 0)));
        leader.role() == Role::Follower
    });
}

#[test]
fn fixed_timeouts() {
    only_with(Bug::FixedTimeouts, |bugs| {
        let mut follower = in_term(bugs, 3, 1, &[]);
        let start = follower.now;
        let due = follower.raft.next_deadline();
        follower.wait(50);
        assert!(votes(&mut follower, N2, 2, (0, 0)));
        due.0 - start.0 == ELECTION_TIMEOUT.0 && follower.raft.next_deadline() == due
    });
}

#[test]
fn never_campaigns() {
    only_with(Bug::NeverCampaigns, |bugs| {
        let mut cluster = Cluster::with_bugs(3, bugs);
        cluster.run(3_000);
        cluster.leader().is_none()
    });
}

#[test]
fn stuck_candidate() {
    only_with(Bug::StuckCandidate, |bugs| {
        let mut cluster = Cluster::with_bugs(3, bugs);
        for node in [N1, N2] {
            cluster.isolate(node);
        }
        cluster.run(1_000);
        cluster.heal();
        cluster.run(3_000);
        cluster.leader().is_none()
    });
    only_with(Bug::StuckCandidate, |bugs| {
        let mut refused = in_term(bugs, 3, 1, &[]);
        refused.stand();
        for voter in [N2, N3] {
            refused.receive(voter, 2, Payload::VoteResponse { granted: false });
        }
        refused.tick();
        refused.role() == Role::Candidate
    });
}

#[test]
fn self_vote_unrecorded() {
    only_with(Bug::SelfVoteUnrecorded, |bugs| {
        let mut candidate = in_term(bugs, 3, 1, &[]);
        candidate.stand();
        let votes_for_a_rival = votes(&mut candidate, N3, 2, (0, 0));
        candidate.sync();
        candidate.receive(N2, 2, YES);
        votes_for_a_rival && candidate.role() == Role::Leader
    });
}

#[test]
fn no_check_quorum() {
    only_with(Bug::NoCheckQuorum, |bugs| {
        let mut cluster = Cluster::with_bugs(3, bugs);
        let leader = cluster.elect();
        for follower in cluster.followers(leader) {
            cluster.cut(follower, leader);
        }
        cluster.run(2_000);
        (cluster.leader(), cluster.status(leader).role) == (Some(leader), Role::Leader)
    });
}

#[test]
fn resume_as_leader() {
    only_with(Bug::ResumeAsLeader, |bugs| {
        let mut restarted = Solo::with_bugs(3, voted(3, N1), &[1, 3], bugs);
        let effects = restarted.step(Event::Tick);
        let leads = Effect::Role { role: Role::Leader, term: Term(3), leader: Some(N1) };
        effects.contains(&leads)
            && restarted
                .propose(1)
                .iter()
                .any(|effect| matches!(effect, Effect::Appended { index: LogIndex(3), .. }))
    });
}
