//! Sections 5.1, 5.2 and 5.4.1; PreVote and CheckQuorum (thesis 9.6, 6.2, 4.2.3).

use rashomon_node::raft::{Effect, HardState, IoSeq, LogIndex, Nanos, NodeId, Payload, Role, Term};

use crate::cluster::Cluster;
use crate::solo::{
    ELECTION_TIMEOUT, MS, N1, N2, N3, Solo, accepted, append, only, pre_vote_request, sent,
    vote_request,
};

fn voted(term: u64, vote: NodeId) -> HardState {
    HardState { term: Term(term), vote: Some(vote), commit: LogIndex(0) }
}

/// 5.2: timeouts are drawn anew each time, from `[t, 2t)`, and differ between members that share a seed.
#[test]
fn election_timeouts_are_random_within_their_range() {
    let mut waits = Vec::new();
    let mut solo = Solo::in_term(3, 1, &[]);
    for _ in 0..50 {
        let start = solo.now;
        solo.receive(N2, 1, append((0, 0), &[], 0));
        waits.push(Nanos(solo.raft.next_deadline().0 - start.0));
        solo.wait(1);
    }
    assert!(waits.iter().all(|wait| *wait >= ELECTION_TIMEOUT && wait.0 < 2 * ELECTION_TIMEOUT.0));
    let spread = waits.iter().max().map(|wait| wait.0).unwrap() - waits.iter().min().unwrap().0;
    assert!(spread > ELECTION_TIMEOUT.0 / 2, "{waits:?}");
    waits.dedup();
    assert!(waits.len() > 45, "{waits:?}");
}

/// Thesis 9.6: asking whether an election could be won changes neither term nor vote, here or there.
#[test]
fn a_pre_vote_changes_no_term() {
    let mut solo = Solo::in_term(3, 4, &[1, 4]);
    let effects = solo.tick();
    assert_eq!((solo.role(), solo.term()), (Role::PreCandidate, 4));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Write { .. })), "{effects:?}");
    let asked = sent(&effects);
    assert_eq!(asked.iter().map(|sent| sent.to).collect::<Vec<_>>(), [N2, N3]);
    assert!(asked.iter().all(|sent| sent.term == Term(5) && sent.after == IoSeq(0)), "{asked:?}");

    let mut voter = Solo::in_term(3, 4, &[1, 4]);
    let answer = only(&voter.receive(N2, 5, pre_vote_request((2, 4))));
    assert_eq!(answer.payload, Payload::PreVoteResponse { granted: true });
    assert_eq!((answer.term, voter.term(), voter.raft.status().vote), (Term(5), 4, None));
}

/// 5.2: the vote is durable before anybody is asked for theirs, and counts itself only then.
#[test]
fn a_candidate_asks_and_counts_itself_once_its_own_vote_is_durable() {
    let mut solo = Solo::in_term(3, 4, &[1, 4]);
    let effects = solo.stand();
    assert_eq!((solo.term(), solo.raft.status().vote), (5, Some(N1)));
    let wrote = effects.iter().any(|effect| {
        matches!(effect, Effect::Write { io: IoSeq(1), hard: Some(hard), .. }
            if hard.term == Term(5) && hard.vote == Some(N1))
    });
    assert!(wrote, "{effects:?}");
    let asked = sent(&effects);
    let requests = asked.iter().filter(|sent| sent.payload == vote_request((2, 4)));
    assert_eq!(requests.filter(|sent| sent.after == IoSeq(1)).count(), 2, "{asked:?}");

    solo.receive(N2, 5, Payload::VoteResponse { granted: true });
    assert_eq!(solo.role(), Role::Candidate);
    solo.sync();
    assert_eq!(solo.role(), Role::Leader);
}

/// 5.2: one vote a term, first come first served; asking twice gets the same answer twice.
#[test]
fn one_vote_a_term() {
    let mut solo = Solo::in_term(3, 1, &[]);
    let first = only(&solo.receive(N2, 2, vote_request((0, 0))));
    assert_eq!(first.payload, Payload::VoteResponse { granted: true });
    assert_eq!(first.after, IoSeq(1), "the vote leaves when it is durable");
    let rival = only(&solo.receive(N3, 2, vote_request((9, 1))));
    assert_eq!(rival.payload, Payload::VoteResponse { granted: false });
    let again = only(&solo.receive(N2, 2, vote_request((0, 0))));
    assert_eq!(again.payload, Payload::VoteResponse { granted: true });
}

/// 5.2: a vote survives a restart.
#[test]
fn a_restarted_node_remembers_its_vote() {
    let mut solo = Solo::restarted(3, voted(2, N2), &[]);
    let rival = only(&solo.receive(N3, 2, vote_request((0, 0))));
    assert_eq!(rival.payload, Payload::VoteResponse { granted: false });
    let same = only(&solo.receive(N2, 2, vote_request((0, 0))));
    assert_eq!(same.payload, Payload::VoteResponse { granted: true });
    assert_eq!(same.after, IoSeq(0), "it is durable already");
}

/// 5.4.1: nobody votes for a candidate whose log is behind; later last term first, then length.
#[test]
fn votes_go_to_logs_that_are_up_to_date() {
    let cases = [((3, 2), true), ((4, 2), true), ((1, 3), true), ((2, 2), false), ((9, 1), false)];
    for (candidate, granted) in cases {
        let mut solo = Solo::in_term(3, 3, &[1, 2, 2]);
        let answer = only(&solo.receive(N2, 4, vote_request(candidate)));
        assert_eq!(answer.payload, Payload::VoteResponse { granted }, "{candidate:?}");
        let mut solo = Solo::in_term(3, 3, &[1, 2, 2]);
        let answer = only(&solo.receive(N2, 4, pre_vote_request(candidate)));
        assert_eq!(answer.payload, Payload::PreVoteResponse { granted }, "{candidate:?}");
    }
}

/// Votes are counted by voter, and only those of the term (`votes-double-counted`, `stale-vote-counted`).
#[test]
fn repeated_and_stale_votes_do_not_elect() {
    let mut solo = Solo::in_term(5, 1, &[]);
    solo.stand();
    solo.sync();
    for _ in 0..5 {
        solo.receive(N2, 2, Payload::VoteResponse { granted: true });
    }
    solo.receive(N3, 1, Payload::VoteResponse { granted: true });
    assert_eq!(solo.role(), Role::Candidate);
    solo.receive(N3, 2, Payload::VoteResponse { granted: true });
    assert_eq!(solo.role(), Role::Leader);
}

/// 5.2: an election that cannot be won any more ends; one that nobody decides is tried again in a new term.
#[test]
fn a_candidate_gives_up_or_tries_again() {
    let mut refused = Solo::in_term(3, 1, &[]);
    refused.stand();
    for voter in [N2, N3] {
        refused.receive(voter, 2, Payload::VoteResponse { granted: false });
    }
    assert_eq!((refused.role(), refused.term()), (Role::Follower, 2));

    let mut unheard = Solo::in_term(3, 1, &[]);
    unheard.stand();
    unheard.tick();
    assert_eq!((unheard.role(), unheard.term()), (Role::PreCandidate, 2));
    unheard.stand_again();
    assert_eq!((unheard.role(), unheard.term()), (Role::Candidate, 3));
}

impl Solo {
    fn stand_again(&mut self) {
        let asked = self.term() + 1;
        self.receive(N2, asked, Payload::PreVoteResponse { granted: true });
    }
}

/// 5.1: a higher term in any message, answers included, makes a leader step down.
#[test]
fn higher_terms_depose_also_in_answers() {
    let rejected = Payload::AppendRejected {
        prev_index: LogIndex(0),
        hint_index: LogIndex(0),
        hint_term: Term(0),
        round: 0,
    };
    for answer in [accepted(1, 1), rejected, Payload::VoteResponse { granted: false }] {
        let mut solo = Solo::in_term(3, 1, &[]);
        solo.lead();
        solo.receive(N2, 9, answer.clone());
        assert_eq!((solo.role(), solo.term()), (Role::Follower, 9), "{answer:?}");
        assert_eq!(solo.raft.status().commit, LogIndex(1), "nothing else came of {answer:?}");
    }
}

/// 5.2: a candidate that hears the leader of its term follows it.
#[test]
fn a_candidate_follows_the_leader_of_its_term() {
    let mut solo = Solo::in_term(3, 1, &[]);
    solo.stand();
    solo.receive(N3, 2, append((0, 0), &[], 0));
    let status = solo.raft.status();
    assert_eq!((status.role, status.leader, status.term), (Role::Follower, Some(N3), Term(2)));
    assert_eq!(status.vote, Some(N1), "hearing a leader gives no vote back");
}

/// Thesis 4.2.3: within an election timeout of hearing a leader nobody else gets a vote, and the term does not move.
#[test]
fn votes_are_refused_while_a_leader_is_heard() {
    let mut solo = Solo::in_term(3, 1, &[]);
    solo.receive(N2, 1, append((0, 0), &[], 0));
    solo.wait(149);
    assert!(sent(&solo.receive(N3, 7, vote_request((9, 6)))).is_empty());
    let answer = only(&solo.receive(N3, 7, pre_vote_request((9, 6))));
    assert_eq!(answer.payload, Payload::PreVoteResponse { granted: false });
    assert_eq!(solo.term(), 1);
    solo.wait(1);
    let answer = only(&solo.receive(N3, 7, vote_request((9, 6))));
    assert_eq!((answer.payload, solo.term()), (Payload::VoteResponse { granted: true }, 7));
}

/// Messages of old terms are answered so that the sender learns, and change nothing here.
#[test]
fn stale_messages_are_answered_with_the_term() {
    let stale = [
        (append((0, 0), &[1], 1), "AppendRejected"),
        (vote_request((9, 9)), "VoteResponse { granted: false }"),
        (pre_vote_request((9, 9)), "PreVoteResponse { granted: false }"),
    ];
    for (payload, expected) in stale {
        let mut solo = Solo::in_term(3, 5, &[1]);
        let answer = only(&solo.receive(N2, 4, payload));
        assert_eq!(answer.term, Term(5));
        assert!(format!("{:?}", answer.payload).starts_with(expected), "{answer:?}");
        assert_eq!((solo.raft.status().leader, solo.raft.status().vote), (None, None));
    }
}

/// A member that was cut off comes back: its pre-votes disturb nobody, and it gets in step at once.
#[test]
fn a_node_that_was_cut_off_does_not_disturb() {
    let mut cluster = Cluster::new(3);
    let leader = cluster.elect();
    let term = cluster.status(leader).term;
    let away = cluster.followers(leader)[0];
    cluster.isolate(away);
    cluster.run(1_000);
    assert_eq!(cluster.status(away).role, Role::PreCandidate);
    assert_eq!(cluster.status(away).term, term, "it asked first, so it never left its term");
    cluster.heal();
    cluster.run(300);
    assert_eq!(cluster.status(leader).role, Role::Leader);
    assert_eq!((cluster.status(away).term, cluster.status(away).leader), (term, Some(leader)));
}

/// A member whose term ran ahead is let in again: its answers depose the leader once, then all agree on a later term.
#[test]
fn a_node_with_a_term_that_ran_ahead_is_not_stuck() {
    let mut cluster = Cluster::new(3);
    let leader = cluster.elect();
    let away = cluster.followers(leader)[0];
    cluster.write(leader, 1);
    cluster.crash(away);
    cluster.run(50);
    cluster.write(leader, 2);
    cluster.disk_mut(away).hard.term = Term(40);
    cluster.start(away);
    cluster.run(1_500);
    let statuses = [1, 2, 3].map(|id| cluster.status(NodeId(id)));
    let new = statuses[0].leader.expect("a leader");
    assert!(statuses.iter().all(|it| it.leader == Some(new) && it.term > Term(40)), "{statuses:?}");
    cluster.write(new, 3);
    cluster.run(100);
    assert_eq!(cluster.applied(away), cluster.applied(new));
}

/// CheckQuorum: a leader that is heard but hears nobody steps down, and somebody who can be served takes over.
#[test]
fn a_deaf_leader_steps_down() {
    let mut cluster = Cluster::new(3);
    let leader = cluster.elect();
    for other in cluster.followers(leader) {
        cluster.cut(other, leader);
    }
    cluster.run(160);
    assert_ne!(cluster.status(leader).role, Role::Leader);
    cluster.run(1_000);
    let new = cluster.leader().expect("another leader");
    assert_ne!(new, leader);
    cluster.write(new, 1);
}

/// The other direction: a leader that nobody hears steps down as nobody answers.
#[test]
fn a_mute_leader_steps_down() {
    let mut cluster = Cluster::new(5);
    let leader = cluster.elect();
    for other in cluster.followers(leader) {
        cluster.cut(leader, other);
    }
    cluster.run(1_500);
    assert_ne!(cluster.status(leader).role, Role::Leader);
    assert!(cluster.leader().is_some());
}

/// A partial partition: the leader cannot talk to one follower, which another keeps hearing. The leader stays.
#[test]
fn a_partial_partition_does_not_depose() {
    let mut cluster = Cluster::new(3);
    let leader = cluster.elect();
    let term = cluster.status(leader).term;
    let far = cluster.followers(leader)[0];
    cluster.cut(far, leader);
    cluster.cut(leader, far);
    cluster.run(3_000);
    assert_eq!((cluster.leader(), cluster.status(leader).term), (Some(leader), term));
}

/// A single node is its own majority, once its disk agrees.
#[test]
fn a_single_node_leads_itself() {
    let mut solo = Solo::in_term(1, 0, &[]);
    solo.tick();
    assert_eq!(solo.role(), Role::Candidate);
    solo.sync();
    assert_eq!(solo.role(), Role::Leader);
    assert_eq!(solo.raft.status().commit, LogIndex(0));
    let effects = solo.sync();
    assert!(matches!(effects.last(), Some(Effect::Apply { entries }) if entries.len() == 1));
}

/// `has_leader`, `leader_changes_total`: a change is a leader that was not the one known.
#[test]
fn leader_changes_are_counted() {
    let mut solo = Solo::in_term(3, 1, &[]);
    solo.receive(N2, 1, append((0, 0), &[], 0));
    solo.receive(N2, 1, append((0, 0), &[], 0));
    assert_eq!(solo.raft.status().leader_changes, 1);
    let effects = solo.receive(N3, 2, append((0, 0), &[], 0));
    assert_eq!(solo.raft.status().leader_changes, 2);
    let role = Effect::Role { role: Role::Follower, term: Term(2), leader: Some(N3) };
    assert_eq!(effects.first(), Some(&role));
}

/// A follower's timer runs on while others campaign in vain: a candidate with an old log cannot keep it from trying.
#[test]
fn refused_candidates_do_not_reset_the_timer() {
    let mut solo = Solo::in_term(3, 1, &[1, 1]);
    solo.step(rashomon_node::raft::Event::Tick);
    let due = solo.raft.next_deadline();
    solo.wait(100);
    solo.receive(N2, 6, vote_request((0, 0)));
    assert_eq!((solo.raft.next_deadline(), solo.term()), (due, 6));
    assert!(due.0 - solo.now.0 < 300 * MS);
}
