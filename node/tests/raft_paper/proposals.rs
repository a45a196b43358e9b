//! Clients' writes: handed on once, appended once, and answered truthfully.

use rashomon_node::raft::{Effect, Event, HardState, LogIndex, Payload, Refusal, RequestId, Term};

use crate::cluster::Cluster;
use crate::solo::{N1, N2, N3, Solo, answers, append, only, request, sent};

fn propose(request: RequestId) -> Payload {
    Payload::Propose { request, command: vec![1] }
}

fn rejected(request: RequestId) -> Payload {
    Payload::ProposeRejected { request }
}

/// Nobody to take it: it surely has no effect.
#[test]
fn without_a_leader_writes_are_refused() {
    let mut solo = Solo::in_term(3, 1, &[]);
    let refused = Effect::Refuse { request: request(1, 1), reason: Refusal::NoLeader };
    assert_eq!(answers(&solo.propose(1)), [refused]);
}

/// A leader appends; the answer is the entry.
#[test]
fn a_leader_appends_and_answers_with_the_entry() {
    let mut leader = Solo::in_term(3, 1, &[]);
    leader.lead();
    let appended = leader.propose(1);
    let expected = Effect::Appended { request: request(1, 1), index: LogIndex(2) };
    assert!(appended.contains(&expected), "{appended:?}");
    assert_eq!(leader.raft.status().pending_writes, 1);
    leader.sync();
    let effects = leader.receive(N2, 2, crate::solo::accepted(2, 1));
    let Some(Effect::Apply { entries }) = effects.last() else { panic!("{effects:?}") };
    assert_eq!(entries[0].request, Some(request(1, 1)));
    assert_eq!(leader.raft.status().pending_writes, 0);
}

/// A follower hands on, once, and its client's answer is the entry, under the client's id.
#[test]
fn a_follower_hands_on() {
    let mut cluster = Cluster::new(3);
    let leader = cluster.elect();
    let follower = cluster.followers(leader)[0];
    cluster.write(follower, 1);
    assert_eq!(cluster.status(follower).pending_writes, 0);
    assert!(cluster.has_applied(leader, RequestId { node: follower, number: 1 }));
}

/// A message that arrives more than once is appended once.
#[test]
fn a_doubled_proposal_is_appended_once() {
    let mut cluster = Cluster::new(3);
    let leader = cluster.elect();
    let follower = cluster.followers(leader)[0];
    let before = cluster.status(leader).last_index.0;
    cluster.propose(follower, 1);
    cluster.double_on_wire(follower, 3);
    cluster.run(50);
    assert_eq!(cluster.status(leader).last_index.0, before + 1);
    cluster.write(follower, 2);
}

/// A copy that comes after the leader has lost and regained its office belongs to an old term.
#[test]
fn a_copy_from_an_old_term_is_not_appended() {
    let mut leader = Solo::in_term(3, 1, &[]);
    leader.lead();
    leader.receive(N2, 2, propose(request(2, 1)));
    leader.receive(N2, 3, Payload::VoteResponse { granted: false });
    leader.win();
    let last = leader.raft.status().last_index;
    let answer = only(&leader.receive(N2, 2, propose(request(2, 1))));
    assert_eq!((answer.payload, answer.term), (rejected(request(2, 1)), Term(4)));
    assert_eq!(leader.raft.status().last_index, last);
}

/// The copy of a refused write must not come true after its client was told "surely not".
#[test]
fn a_copy_of_a_refused_write_stays_refused() {
    let mut leader = Solo::in_term(3, 1, &[]);
    leader.lead();
    let huge = |number| Event::Propose { request: request(1, number), command: vec![0; 40 << 20] };
    leader.step(huge(1));
    let full = huge(2);
    let refused = Effect::Refuse { request: request(1, 2), reason: Refusal::Busy };
    assert_eq!(answers(&leader.step(full)), [refused], "64 MiB may be uncommitted");
    let large = Payload::Propose { request: request(2, 1), command: vec![0; 30 << 20] };
    let answer = only(&leader.receive(N2, 2, large.clone()));
    assert_eq!(answer.payload, rejected(request(2, 1)));
    leader.sync();
    leader.receive(N3, 2, crate::solo::accepted(2, 1));
    assert_eq!(leader.raft.status().commit, LogIndex(2), "there is room again");
    assert!(sent(&leader.receive(N2, 2, large)).is_empty());
    assert_eq!(leader.raft.status().last_index, LogIndex(2));
}

/// What is under way when leadership is lost may be committed by others: unknown, not failed.
#[test]
fn a_deposed_leader_forgets_its_writes() {
    let mut leader = Solo::in_term(3, 1, &[]);
    leader.lead();
    leader.propose(1);
    let effects = leader.receive(N2, 3, append((1, 2), &[], 1));
    assert_eq!(answers(&effects), [Effect::Forget { request: request(1, 1) }]);
    assert_eq!(leader.raft.status().pending_writes, 0);
}

/// The same for what was handed on: a follower forgets when its leader or term changes, and when it campaigns.
#[test]
fn a_follower_forgets_with_its_leader() {
    let forget = [Effect::Forget { request: request(1, 1) }];
    let follower = || {
        let mut solo = Solo::in_term(3, 1, &[]);
        solo.receive(N2, 1, append((0, 0), &[], 0));
        assert_eq!(
            only(&solo.propose(1)).payload,
            Payload::Propose { request: request(1, 1), command: vec![1] }
        );
        solo
    };
    assert_eq!(answers(&follower().receive(N3, 2, append((0, 0), &[], 0))), forget);
    assert_eq!(
        answers(&follower().receive(N3, 2, Payload::VoteResponse { granted: false })),
        forget
    );
    let mut alone = follower();
    alone.wait(300);
    assert_eq!(answers(&alone.tick()), forget);
}

/// "Surely not appended" is believed from the leader it was handed to, and from nobody else.
#[test]
fn a_rejection_is_final_if_it_is_the_leaders() {
    let mut solo = Solo::in_term(3, 1, &[]);
    solo.receive(N2, 1, append((0, 0), &[], 0));
    solo.propose(1);
    assert!(answers(&solo.receive(N3, 1, rejected(request(1, 1)))).is_empty());
    let refused = Effect::Refuse { request: request(1, 1), reason: Refusal::Declined };
    assert_eq!(answers(&solo.receive(N2, 1, rejected(request(1, 1)))), [refused]);
    assert!(answers(&solo.receive(N2, 1, rejected(request(1, 1)))).is_empty());
}

/// A leader that restarted in its own term cannot know what it appended before: it must not say "surely not".
#[test]
fn a_restarted_leader_does_not_deny_what_it_may_have_appended() {
    let hard = HardState { term: Term(2), vote: Some(N1), commit: LogIndex(0) };
    let mut solo = Solo::restarted(3, hard, &[2]);
    assert!(sent(&solo.receive(N2, 2, propose(request(2, 1)))).is_empty());
    let never_led = HardState { vote: Some(N3), ..hard };
    let mut solo = Solo::restarted(3, never_led, &[2]);
    assert_eq!(only(&solo.receive(N2, 2, propose(request(2, 1)))).payload, rejected(request(2, 1)));
}

/// A leader that stepped down in its own term still knows what it appended, and denies only the rest.
#[test]
fn a_leader_that_stepped_down_denies_only_what_it_never_appended() {
    let mut leader = Solo::in_term(3, 1, &[]);
    leader.lead();
    leader.receive(N2, 2, propose(request(2, 1)));
    leader.wait(1_000);
    leader.step(Event::Tick);
    assert_eq!((leader.term(), leader.raft.status().leader), (2, None), "CheckQuorum");
    assert!(sent(&leader.receive(N2, 2, propose(request(2, 1)))).is_empty());
    assert_eq!(
        only(&leader.receive(N2, 2, propose(request(2, 2)))).payload,
        rejected(request(2, 2))
    );
}

/// A write that was handed on and lost is unknown after ten election timeouts, under a leader that lives.
#[test]
fn a_lost_write_is_forgotten_in_the_end() {
    let mut cluster = Cluster::new(3);
    let leader = cluster.elect();
    let follower = cluster.followers(leader)[0];
    cluster.cut(follower, leader);
    let lost = cluster.propose(follower, 1);
    cluster.run(10);
    cluster.heal();
    cluster.run(1_400);
    assert_eq!(cluster.answer(follower, lost), None);
    cluster.run(300);
    assert_eq!(cluster.answer(follower, lost), Some(Effect::Forget { request: lost }));
    assert_eq!(cluster.leader(), Some(leader));
}

/// Ids belong to the node that took them from a client.
#[test]
fn nobody_proposes_under_anothers_name() {
    let mut leader = Solo::in_term(3, 1, &[]);
    leader.lead();
    assert!(sent(&leader.receive(N2, 2, propose(request(3, 1)))).is_empty());
    assert_eq!(leader.raft.status().ignored, 1);
}
