//! What waits for the disk, and what a late disk may vouch for (paper 5.1 and 5.2: answered after stable storage).

use rashomon_node::raft::{Effect, Event, HardState, IoSeq, LogIndex, Payload, Role, Term};

use crate::solo::{N1, N2, N3, Solo, accepted, append, append_in_round, only, sent, vote_request};

/// Acknowledgements leave when their entries are durable.
#[test]
fn acknowledgements_wait_for_their_entries() {
    let mut solo = Solo::in_term(3, 1, &[]);
    solo.receive(N2, 1, append((0, 0), &[], 0));
    let first = only(&solo.receive(N2, 1, append((0, 0), &[1], 0)));
    let second = only(&solo.receive(N2, 1, append((1, 1), &[1], 0)));
    assert_eq!((first.after, second.after), (IoSeq(1), IoSeq(2)));
    let again = only(&solo.receive(N2, 1, append((0, 0), &[1], 0)));
    assert_eq!(again.after, IoSeq(1), "a copy promises no more than the first");
    solo.sync();
    let later = only(&solo.receive(N2, 1, append((0, 0), &[1, 1], 0)));
    assert_eq!(later.after, IoSeq(0));
}

/// That a leader was heard does not wait for its entries to be durable, but promises none of them. Once a round.
#[test]
fn a_round_is_confirmed_ahead_of_its_entries() {
    let answers = |solo: &mut Solo, prev, terms: &[u64], round| {
        let answers = sent(&solo.receive(N2, 1, append_in_round(prev, terms, 0, round)));
        let told = |sent: crate::solo::Sent| match sent.payload {
            Payload::AppendAccepted { matched, round } => (matched.0, round, sent.after.0),
            other => panic!("{other:?}"),
        };
        answers.into_iter().map(told).collect::<Vec<_>>()
    };
    let mut solo = Solo::in_term(3, 1, &[1]);
    assert_eq!(answers(&mut solo, (1, 1), &[1, 1], 1), [(1, 1, 0), (3, 1, 1)]);
    assert_eq!(answers(&mut solo, (3, 1), &[1], 1), [(4, 1, 2)]);
    assert_eq!(answers(&mut solo, (4, 1), &[], 2), [(1, 2, 0), (4, 2, 2)], "a heartbeat");
    assert_eq!(answers(&mut solo, (0, 0), &[], 3), [(0, 3, 0)], "an earlier place in the log");
    solo.sync();
    assert_eq!(answers(&mut solo, (4, 1), &[], 4), [(4, 4, 0)]);
}

/// The same in a term that is not durable itself: it waits for that, and then the entries are durable with it.
#[test]
fn a_round_of_a_new_term_waits_for_the_term() {
    let mut solo = Solo::in_term(3, 1, &[]);
    let answer = only(&solo.receive(N2, 2, append((0, 0), &[2], 0)));
    assert_eq!(answer.after, IoSeq(1));
    let later = sent(&solo.receive(N2, 2, append_in_round((1, 2), &[2], 0, 2)));
    assert_eq!(later.iter().map(|sent| sent.after).collect::<Vec<_>>(), [IoSeq(1), IoSeq(2)]);
}

/// A new term is durable before anything that is said in it: an empty acknowledgement, a refusal, a vote.
#[test]
fn a_new_term_is_durable_before_anything_is_promised_in_it() {
    for prev in [(0, 0), (5, 1)] {
        let mut solo = Solo::in_term(3, 1, &[]);
        let answer = only(&solo.receive(N2, 2, append(prev, &[], 0)));
        assert_eq!(answer.after, IoSeq(1), "{answer:?}");
    }
    let mut solo = Solo::in_term(3, 1, &[1]);
    let refused = only(&solo.receive(N2, 2, vote_request((0, 0))));
    assert_eq!(refused.after, IoSeq(1), "{refused:?}");
}

/// Thesis 10.2.1: a leader's entries leave in parallel with its own disk write.
#[test]
fn a_leader_sends_in_parallel_with_its_disk() {
    let mut leader = Solo::in_term(3, 1, &[]);
    leader.lead();
    let effects = leader.propose(1);
    assert!(matches!(effects[0], Effect::Write { .. }), "{effects:?}");
    assert!(sent(&effects).iter().all(|sent| sent.after == IoSeq(0)));
}

/// etcd-raft `async_storage_writes_append_aba_race`: the disk is slow, the log is replaced twice, and comes to look as it
/// did at first; the first write's completion vouches for nothing that came later.
#[test]
fn append_aba() {
    let mut solo = Solo::in_term(3, 1, &[1]);
    solo.receive(N2, 1, append((0, 0), &[], 0));
    let old = only(&solo.receive(N2, 1, append((1, 1), &[1, 1], 0)));
    solo.receive(N3, 2, append((1, 1), &[2], 0));
    let newest = only(&solo.receive(N2, 3, append((1, 1), &[3, 3], 0)));
    assert_eq!((old.after, newest.after), (IoSeq(1), IoSeq(3)));
    solo.step(Event::Persisted(IoSeq(1)));
    assert_eq!(solo.raft.status().durable, LogIndex(1));
    let copy = only(&solo.receive(N2, 3, append((1, 1), &[3, 3], 0)));
    assert_eq!(copy.after, IoSeq(3));
    solo.step(Event::Persisted(IoSeq(2)));
    assert_eq!(solo.raft.status().durable, LogIndex(1));
    solo.step(Event::Persisted(IoSeq(3)));
    assert_eq!(solo.raft.status().durable, LogIndex(3));
}

/// The same with the node as leader: a completion from before it led does not commit what it appended since.
#[test]
fn a_late_completion_does_not_commit_a_leaders_new_entries() {
    let mut solo = Solo::in_term(3, 1, &[1]);
    solo.receive(N2, 1, append((1, 1), &[1, 1, 1], 0));
    solo.receive(N3, 2, append((1, 1), &[], 0));
    let stood = solo.stand_after_silence();
    assert_eq!(stood, Role::Candidate);
    solo.receive(N2, 3, Payload::VoteResponse { granted: true });
    // The disk has done everything up to the vote, not yet the no-op.
    solo.step(Event::Persisted(IoSeq(3)));
    assert_eq!(solo.role(), Role::Leader);
    solo.receive(N2, 3, accepted(5, 1));
    assert_eq!(solo.raft.status().commit, LogIndex(0));
    solo.sync();
    assert_eq!(solo.raft.status().commit, LogIndex(5));
}

impl Solo {
    fn stand_after_silence(&mut self) -> Role {
        self.stand();
        self.role()
    }
}

/// One write carries what belongs together, and a commit index alone wakes no disk.
#[test]
fn writes_are_few() {
    let mut solo = Solo::in_term(3, 1, &[]);
    let effects = solo.receive(N2, 2, append((0, 0), &[2, 2], 0));
    let writes = |effects: &[Effect]| {
        effects.iter().filter(|effect| matches!(effect, Effect::Write { .. })).count()
    };
    assert_eq!(writes(&effects), 1, "{effects:?}");
    assert_eq!(writes(&solo.receive(N2, 2, append((2, 2), &[], 2))), 0);
    let next = solo.receive(N2, 2, append((2, 2), &[2], 2));
    let hint = next.iter().find_map(|effect| match effect {
        Effect::Write { hard, .. } => *hard,
        _ => None,
    });
    assert_eq!(hint.map(|hard| hard.commit), Some(LogIndex(2)), "the hint rides along");
}

/// A crash can keep the entries of a write and lose its term: the node stands in the entries' term, without a vote.
#[test]
fn a_torn_write_can_lose_the_term_of_its_entries() {
    let hard = HardState { term: Term(3), vote: Some(N2), commit: LogIndex(9) };
    let mut solo = Solo::restarted(3, hard, &[1, 3, 5]);
    let status = solo.raft.status();
    assert_eq!((status.term, status.vote, status.commit), (Term(5), None, LogIndex(3)));
    let effects = solo.step(Event::Tick);
    let written = effects.iter().any(
        |effect| matches!(effect, Effect::Write { hard: Some(hard), .. } if hard.term == Term(5)),
    );
    assert!(written, "{effects:?}");
    assert_eq!(
        only(&solo.receive(N3, 4, vote_request((9, 4)))).payload,
        Payload::VoteResponse { granted: false }
    );
    assert_eq!(solo.raft.status().vote, None);
}

/// A restarted node goes on where its disk left off; an unfinished election of its own is not repeated in that term.
#[test]
fn a_restarted_candidate_campaigns_in_a_later_term() {
    let hard = HardState { term: Term(4), vote: Some(N1), commit: LogIndex(0) };
    let mut solo = Solo::restarted(3, hard, &[1]);
    solo.receive(N2, 4, Payload::VoteResponse { granted: true });
    assert_eq!(solo.role(), Role::Follower);
    solo.stand();
    assert_eq!(solo.term(), 5);
}
