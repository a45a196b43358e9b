//! Whether nodes wait for different times before they stand for election (Raft, section 5.2: randomized timeouts).
//!
//! Two followers of one leader hear its last heartbeat together. If their waits are drawn between one timeout and two, the
//! second one begins within a twentieth of a timeout after the first in one spell of ten, and mostly never, since by then the
//! first is elected. If it does so again and again, the waits are not drawn. Counted as a binomial test with a chance of one
//! in four, so that a machine that is late with everything does not accuse anybody.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Said, Word, finding};
use crate::finding::Finding;

const INVARIANT: &str = "random-timeouts";
/// What is granted to a correct cluster: the second wait ends as soon after the first in so many spells.
const CHANCE: f64 = 0.25;
/// How unlikely it has to be.
const DOUBT: f64 = 1e-6;

/// A time in which followers of one leader hear it no more.
struct Spell {
    term: u64,
    first: Said,
    together: bool,
}

pub(super) fn judge(said: &[Said], election_timeout: Duration) -> Option<Finding> {
    let near = u64::try_from(election_timeout.as_micros() / 20).unwrap_or(u64::MAX);
    let mut last: BTreeMap<usize, Said> = BTreeMap::new();
    let mut spells: Vec<Spell> = Vec::new();
    for said in said {
        let followed = last.insert(said.node, *said).filter(|was| was.word == Word::Follows);
        let (Word::Asks, Some(followed)) = (said.word, followed) else { continue };
        let waits = |other: &&Said| other.word == Word::Follows && other.term == followed.term;
        match spells.last_mut().filter(|spell| spell.term == followed.term) {
            Some(spell) => spell.together |= said.at.saturating_sub(spell.first.at) <= near,
            // Somebody else has to be waiting as well.
            None if last.values().any(|other| waits(&other)) => {
                spells.push(Spell { term: followed.term, first: *said, together: false });
            }
            None => {}
        }
    }
    let together = spells.iter().filter(|spell| spell.together).count();
    let end = spells.last()?.first;
    (tail(spells.len(), together) < DOUBT).then(|| {
        let what = format!(
            "in {together} of {} spells without a leader two followers lost patience within {} ms: their waits are not random",
            spells.len(),
            near / 1_000
        );
        finding(INVARIANT, &end, what)
    })
}

/// The chance of so many or more of so many.
fn tail(all: usize, hits: usize) -> f64 {
    let mut chance = (1.0 - CHANCE).powi(i32::try_from(all).unwrap_or(i32::MAX));
    let mut sum = 0.0;
    for count in 0..=all {
        if count >= hits {
            sum += chance;
        }
        chance *= (all - count) as f64 / (count + 1) as f64 * CHANCE / (1.0 - CHANCE);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_the_binomial_distribution() {
        assert!((tail(3, 0) - 1.0).abs() < 1e-12);
        assert!((tail(3, 3) - 1.0 / 64.0).abs() < 1e-12);
        assert!((tail(2, 1) - 7.0 / 16.0).abs() < 1e-12);
        assert!(tail(9, 9) > DOUBT && tail(10, 10) < DOUBT);
    }

    /// Two followers lose patience, one so many microseconds after the other.
    fn spells(gaps: &[u64]) -> Vec<Said> {
        let mut said = Vec::new();
        for (number, gap) in gaps.iter().enumerate() {
            let (term, at) = (number as u64 + 1, number as u64 * 1_000_000);
            let line = |node, at, word| Said { node, at, term, word };
            said.push(line(0, at, Word::Follows));
            said.push(line(1, at, Word::Follows));
            said.push(line(0, at + 200_000, Word::Asks));
            said.push(line(1, at + 200_000 + gap, Word::Asks));
        }
        said
    }

    #[test]
    fn waits_that_end_together_again_and_again_are_not_random() {
        let timeout = Duration::from_millis(150);
        let found = judge(&spells(&[900; 12]), timeout).unwrap();
        assert!(found.what.starts_with("in 12 of 12 spells"), "{}", found.what);
        assert_eq!(judge(&spells(&[900; 9]), timeout), None, "may be chance");
        let mixed: Vec<u64> =
            (0..40).map(|number| if number % 3 == 0 { 900 } else { 40_000 }).collect();
        assert_eq!(judge(&spells(&mixed), timeout), None);
        assert_eq!(judge(&[], timeout), None);
    }

    #[test]
    fn a_node_that_waits_alone_says_nothing() {
        let mut alone = spells(&[900; 12]);
        alone.retain(|said| said.node == 0);
        assert_eq!(judge(&alone, Duration::from_millis(150)), None);
    }
}
