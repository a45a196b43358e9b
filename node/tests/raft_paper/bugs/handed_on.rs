//! Bugs of handed-on writes, which are to act once at most.

use rashomon_node::bugs::Bug;
use rashomon_node::raft::{Effect, Payload};

use super::{in_term, only_with};
use crate::solo::{N2, N3, Solo, append, request};

/// Whether `leader` appends write `number` of member 2, sent in `term`.
fn appends(leader: &mut Solo, term: u64, number: u64) -> bool {
    let write = Payload::Propose { request: request(2, number), command: vec![1] };
    let effects = leader.receive(N2, term, write);
    effects.iter().any(|effect| matches!(effect, Effect::Appended { .. }))
}

#[test]
fn no_dedupe() {
    only_with(Bug::NoDedupe, |bugs| {
        let mut leader = in_term(bugs, 3, 1, &[]);
        leader.lead();
        assert!(appends(&mut leader, 2, 1));
        appends(&mut leader, 2, 1)
    });
}

#[test]
fn dedupe_per_term() {
    only_with(Bug::DedupePerTerm, |bugs| {
        let mut leader = in_term(bugs, 3, 1, &[]);
        leader.lead();
        assert!(appends(&mut leader, 2, 1));
        assert!(!appends(&mut leader, 2, 1), "within the term it knows");
        leader.receive(N3, 5, append((2, 2), &[], 2));
        leader.win();
        assert_eq!((leader.term(), leader.raft.status().last_index.0), (6, 3));
        appends(&mut leader, 2, 1)
    });
}

#[test]
fn dedupe_last_only() {
    only_with(Bug::DedupeLastOnly, |bugs| {
        let mut leader = in_term(bugs, 3, 1, &[]);
        leader.lead();
        assert!(appends(&mut leader, 2, 5));
        assert!(!appends(&mut leader, 2, 5), "the last one is known");
        assert!(appends(&mut leader, 2, 6));
        appends(&mut leader, 2, 5)
    });
}

#[test]
fn evict_then_execute() {
    only_with(Bug::EvictThenExecute, |bugs| {
        let mut leader = in_term(bugs, 3, 1, &[]);
        leader.lead();
        for number in 5..=7 {
            assert!(appends(&mut leader, 2, number));
        }
        assert!(!appends(&mut leader, 2, 6), "it is in the window");
        appends(&mut leader, 2, 5)
    });
}
