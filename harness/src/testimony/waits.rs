//! Whether nodes wait for different times before they stand for election (Raft, section 5.2: randomized timeouts).
//!
//! Whoever begins, steps down, asks or stands for election draws a wait between one timeout and two, and asks when it is
//! over; whatever it hears meanwhile can only make it longer. So of the waits from such a line to the next question one in ten
//! is shorter than 1.1 timeouts. If nearly all are, they are not drawn. Counted as a binomial test with a chance of one in
//! four, so that lines that are written late accuse nobody.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Said, Word, finding};
use crate::finding::Finding;

const INVARIANT: &str = "random-timeouts";
/// What is granted to a correct cluster: so many waits are short.
const CHANCE: f64 = 0.25;
/// How unlikely it has to be.
const DOUBT: f64 = 1e-6;

pub(super) fn judge(said: &[Said], election_timeout: Duration) -> Option<Finding> {
    let timeout = election_timeout.as_micros();
    let mut since: BTreeMap<usize, u64> = BTreeMap::new();
    let (mut all, mut short) = (0, 0);
    for said in said {
        match said.word {
            Word::Started | Word::SteppedDown | Word::Campaigns => {
                since.insert(said.node, said.at);
            }
            Word::Asks => {
                if let Some(begin) = since.insert(said.node, said.at) {
                    let wait = u128::from(said.at.saturating_sub(begin));
                    all += 1;
                    short += usize::from(wait * 10 < timeout * 11);
                }
            }
            Word::Elected | Word::Follows => drop(since.remove(&said.node)),
            Word::Alone => {}
        }
    }
    let end = said.last()?;
    (tail(all, short) < DOUBT).then(|| {
        let what = format!(
            "{short} of {all} waits for an election took less than 1.1 timeouts of {} ms: they are not random",
            election_timeout.as_millis()
        );
        finding(INVARIANT, end, what)
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

    fn judged(waits: &[u64], between: Word) -> Option<String> {
        let mut at = 0;
        let mut said = vec![Said { node: 0, at, term: 0, word: Word::Started }];
        for wait in waits {
            at += wait * 1_000;
            said.push(Said { node: 0, at, term: 1, word: Word::Asks });
            said.push(Said { node: 0, at, term: 1, word: between });
        }
        judge(&said, Duration::from_millis(150)).map(|finding| finding.what)
    }

    #[test]
    fn waits_that_are_all_the_same_are_not_random() {
        let found = judged(&[151; 12], Word::Campaigns).unwrap();
        assert!(found.starts_with("12 of 12 waits"), "{found}");
        assert_eq!(judged(&[151; 9], Word::Campaigns), None, "may be chance");
        let drawn: Vec<u64> = (0..60).map(|number| 150 + number * 37 % 150).collect();
        assert_eq!(judged(&drawn, Word::Campaigns), None);
        assert_eq!(judged(&[], Word::Campaigns), None);
    }

    #[test]
    fn a_wait_that_a_leader_began_says_nothing() {
        assert_eq!(judged(&[151; 30], Word::Follows), None);
    }
}
