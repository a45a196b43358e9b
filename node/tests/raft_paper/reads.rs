//! Linearizable reads (thesis 6.4), on leaders and followers.

use rashomon_node::raft::{Effect, IoSeq, LogIndex, Payload, Refusal, Role};

use crate::cluster::Cluster;
use crate::solo::{
    ELECTION_TIMEOUT, MS, N2, N3, Solo, accepted, answers, append, only, request, sent,
};

fn ready(number: u64, index: u64) -> Effect {
    Effect::ReadReady { request: request(1, number), index: LogIndex(index) }
}

fn refuse(number: u64, reason: Refusal) -> Effect {
    Effect::Refuse { request: request(1, number), reason }
}

fn rounds(effects: &[Effect]) -> Vec<u64> {
    let round = |sent: crate::solo::Sent| match sent.payload {
        Payload::AppendRequest { round, .. } => Some(round),
        _ => None,
    };
    sent(effects).into_iter().filter_map(round).collect()
}

/// A read starts a round at once and is served when a quorum has answered it.
#[test]
fn a_read_is_served_by_a_round_of_its_own() {
    let mut leader = Solo::in_term(3, 1, &[]);
    leader.lead();
    let started = leader.read(1);
    assert_eq!((rounds(&started), answers(&started).len()), (vec![2, 2], 0));
    assert_eq!(answers(&leader.receive(N2, 2, accepted(1, 2))), [ready(1, 1)]);
}

/// `ack-any-round`: an answer to an earlier heartbeat says nothing about who leads now.
#[test]
fn answers_to_earlier_rounds_do_not_confirm() {
    let mut leader = Solo::in_term(3, 1, &[]);
    leader.lead();
    leader.read(1);
    assert!(answers(&leader.receive(N2, 2, accepted(1, 1))).is_empty());
    assert!(answers(&leader.receive(N3, 2, accepted(1, 1))).is_empty());
    assert_eq!(answers(&leader.receive(N3, 2, accepted(1, 2))), [ready(1, 1)]);
}

/// `read-joins-old-batch`: a read that comes while a round is on its way takes the next one.
#[test]
fn a_read_does_not_join_a_round_that_began_before_it() {
    let mut leader = Solo::in_term(3, 1, &[]);
    leader.lead();
    leader.read(1);
    assert!(rounds(&leader.read(2)).is_empty(), "one round at a time");
    leader.read(3);
    let served = leader.receive(N2, 2, accepted(1, 2));
    assert_eq!(answers(&served), [ready(1, 1)]);
    assert_eq!(rounds(&served), [3, 3], "the next round leaves at once, for all that wait");
    let served = leader.receive(N3, 2, accepted(1, 3));
    assert_eq!(answers(&served), [ready(2, 1), ready(3, 1)]);
}

/// A read's position is the commit index when its round began: what is committed before the read came is in it.
#[test]
fn a_later_round_confirms_earlier_ones_and_positions_rise() {
    let mut leader = Solo::in_term(3, 1, &[]);
    leader.lead();
    leader.read(1);
    leader.propose(10);
    leader.sync();
    leader.read(2);
    leader.tick();
    leader.receive(N2, 2, accepted(2, 1));
    assert_eq!(leader.raft.status().commit, LogIndex(2));
    let served = leader.receive(N3, 2, accepted(2, 3));
    assert_eq!(answers(&served), [ready(1, 1), ready(2, 1)]);
    leader.read(3);
    assert_eq!(answers(&leader.receive(N3, 2, accepted(2, 4))), [ready(3, 2)]);
}

/// `readindex-no-noop`: a new leader's commit index may be behind, so reads wait for its first own entry.
#[test]
fn reads_wait_for_the_leaders_first_entry() {
    let mut leader = Solo::in_term(3, 2, &[1, 2]);
    leader.win();
    leader.read(1);
    leader.receive(N2, 3, accepted(2, 1));
    leader.receive(N3, 3, accepted(2, 1));
    assert_eq!(leader.raft.status().pending_reads, 1);
    leader.sync();
    let committed = leader.receive(N2, 3, accepted(3, 1));
    assert!(answers(&committed).is_empty());
    assert_eq!(rounds(&committed)[0], 2, "its round begins now");
    assert_eq!(answers(&leader.receive(N2, 3, accepted(3, 2))), [ready(1, 3)]);
}

/// A deposed leader cannot tell where reads belong: they are refused, also those of followers.
#[test]
fn a_deposed_leader_refuses_its_reads() {
    let mut leader = Solo::in_term(3, 1, &[]);
    leader.lead();
    leader.read(1);
    leader.read(2);
    let theirs = request(3, 5);
    leader.receive(N3, 2, Payload::ReadIndexRequest { request: theirs });
    let effects = leader.receive(N2, 3, append((1, 2), &[], 0));
    assert_eq!(
        answers(&effects),
        [refuse(1, Refusal::NotLeader(N2)), refuse(2, Refusal::NotLeader(N2))]
    );
    let none = Payload::ReadIndexResponse { request: theirs, index: None };
    assert!(sent(&effects).iter().any(|sent| sent.to == N3 && sent.payload == none));
    assert_eq!(leader.raft.status().pending_reads, 0);
}

/// CheckQuorum: a leader without a quorum refuses within an election timeout instead of keeping readers waiting.
#[test]
fn a_leader_without_a_quorum_refuses_reads() {
    let mut cluster = Cluster::new(3);
    let leader = cluster.elect();
    cluster.isolate(leader);
    let read = cluster.read(leader, 1);
    cluster.run(160);
    let refused = Effect::Refuse { request: read, reason: Refusal::NoLeader };
    assert_eq!(cluster.answer(leader, read), Some(refused));
}

/// A cut-off leader serves nothing while another has taken over: the point of it all.
#[test]
fn an_isolated_leader_serves_nothing_stale() {
    let mut cluster = Cluster::new(5);
    let old = cluster.elect();
    cluster.write(old, 1);
    let friend = cluster.followers(old)[0];
    cluster.split(&[old, friend]);
    let reads: Vec<_> =
        (10..40).map(|number| (cluster.read(old, number), cluster.run(40))).collect();
    let new = cluster.leader().expect("a leader of the majority");
    assert_ne!(new, old);
    for (read, ()) in reads {
        let answer = cluster.answer(old, read);
        assert!(matches!(answer, Some(Effect::Refuse { .. })), "{answer:?}");
    }
}

/// A follower asks its leader and serves at the position it is told.
#[test]
fn a_follower_serves_at_the_leaders_position() {
    let mut cluster = Cluster::new(3);
    let leader = cluster.elect();
    let follower = cluster.followers(leader)[0];
    cluster.write(leader, 1);
    let read = cluster.read(follower, 1);
    cluster.run(10);
    let index = cluster.status(leader).commit;
    let served = Effect::ReadReady { request: read, index };
    assert_eq!(cluster.answer(follower, read), Some(served));
}

/// Nobody to ask: refused at once.
#[test]
fn without_a_leader_reads_are_refused() {
    let mut solo = Solo::in_term(3, 1, &[]);
    assert_eq!(answers(&solo.read(1)), [refuse(1, Refusal::NoLeader)]);
}

/// `readindex-leader-race`: a new leader or term ends reads that were asked of the old one; its answers come too late.
#[test]
fn a_follower_drops_reads_with_their_leader() {
    let mut solo = Solo::in_term(3, 1, &[]);
    solo.receive(N2, 1, append((0, 0), &[1], 1));
    assert_eq!(only(&solo.read(1)).payload, Payload::ReadIndexRequest { request: request(1, 1) });
    let changed = solo.receive(N3, 2, append((1, 1), &[], 0));
    assert_eq!(answers(&changed), [refuse(1, Refusal::NotLeader(N3))]);
    let late = Payload::ReadIndexResponse { request: request(1, 1), index: Some(LogIndex(1)) };
    for term in [1, 2] {
        assert!(answers(&solo.receive(N2, term, late.clone())).is_empty());
    }
}

/// Lost questions are asked again, and given up in the end: nobody waits for ever.
#[test]
fn lost_reads_are_repeated_and_then_refused() {
    let mut solo = Solo::in_term(3, 1, &[]);
    solo.receive(N2, 1, append((0, 0), &[], 0));
    let start = solo.now;
    solo.read(1);
    let mut asked = 0;
    while solo.raft.status().pending_reads > 0 {
        assert!(solo.now.0 - start.0 < 20 * ELECTION_TIMEOUT.0, "still waiting");
        // The leader is alive all the while, only answers get lost.
        solo.receive(N2, 1, append((0, 0), &[], 0));
        solo.wait(20);
        let effects = solo.step(rashomon_node::raft::Event::Tick);
        let question = Payload::ReadIndexRequest { request: request(1, 1) };
        asked += sent(&effects).iter().filter(|sent| sent.payload == question).count();
        if !answers(&effects).is_empty() {
            assert_eq!(answers(&effects), [refuse(1, Refusal::NoAnswer)]);
        }
    }
    let waited = (solo.now.0 - start.0) / ELECTION_TIMEOUT.0;
    assert!((7..=9).contains(&asked), "asked {asked} times");
    assert!((10..=11).contains(&waited), "waited {waited} election timeouts");
}

/// A question that comes back as "cannot tell" is refused.
#[test]
fn a_node_that_does_not_lead_cannot_tell() {
    let mut solo = Solo::in_term(3, 1, &[]);
    let none = Payload::ReadIndexResponse { request: request(2, 1), index: None };
    let question = Payload::ReadIndexRequest { request: request(2, 1) };
    assert_eq!(only(&solo.receive(N2, 1, question)).payload, none);
    solo.receive(N2, 1, append((0, 0), &[], 0));
    solo.read(1);
    let none = Payload::ReadIndexResponse { request: request(1, 1), index: None };
    assert_eq!(answers(&solo.receive(N2, 1, none)), [refuse(1, Refusal::Declined)]);
}

/// A single node is its own quorum, but its disk has a say in what is committed.
#[test]
fn a_single_node_reads_at_once() {
    let mut solo = Solo::in_term(1, 0, &[]);
    solo.tick();
    solo.sync();
    assert!(answers(&solo.read(1)).is_empty(), "its first entry is not durable yet");
    assert_eq!(answers(&solo.sync()), [ready(1, 1)]);
    assert_eq!(answers(&solo.read(2)), [ready(2, 1)]);
}

/// Followers confirm a round only when their term is durable, but need not wait for entries still on their way.
#[test]
fn confirmations_do_not_wait_for_newer_entries() {
    let mut solo = Solo::in_term(3, 1, &[1]);
    solo.receive(N2, 1, append((1, 1), &[1, 1], 0));
    let heartbeat = only(&solo.receive(N2, 1, append((1, 1), &[], 0)));
    assert_eq!((heartbeat.payload, heartbeat.after), (accepted(1, 1), IoSeq(0)));
}

/// Reads do not make rounds faster than answers come: a thousand reads are two rounds.
#[test]
fn reads_are_batched() {
    let mut leader = Solo::in_term(3, 1, &[]);
    leader.lead();
    let mut started = Vec::new();
    for number in 0..1000 {
        started.extend(rounds(&leader.read(number)));
    }
    assert_eq!(started, [2, 2]);
    let mut served = answers(&leader.receive(N2, 2, accepted(1, 2))).len();
    served += answers(&leader.receive(N2, 2, accepted(1, 3))).len();
    assert_eq!(served, 1000);
    assert_eq!(leader.role(), Role::Leader);
    assert!(leader.now.0 < 3_000 * MS);
}
