//! Who may say that it leads.

use std::collections::{BTreeMap, BTreeSet};

use super::{Said, Word, finding};
use crate::finding::Finding;

/// At most one leader in a term (Raft, section 5.2).
const SAFETY: &str = "election-safety";
/// Whoever leads has stood for election in that term, and since its process began: roles are not kept (figure 2).
const BY_VOTES: &str = "elected-by-votes";
/// Whoever led in a term has written that term down, and does not fall back behind it (figure 2: persistent state).
const KEPT: &str = "term-kept";
/// A term begins with somebody who stands for election in it; asking whether one could win does not (thesis, section 9.6).
const BEGUN: &str = "terms-by-candidates";

/// What the lines prove; of each invariant the first breach.
pub(super) fn judge(said: &[Said]) -> Vec<Finding> {
    let mut found: BTreeMap<&'static str, Finding> = BTreeMap::new();
    let mut known = Known::default();
    for said in said {
        for (invariant, what) in known.hear(said) {
            found.entry(invariant).or_insert_with(|| finding(invariant, said, what));
        }
    }
    known.candidates_missing(said, &mut found);
    found.into_values().collect()
}

#[derive(Default)]
struct Known {
    /// Who was elected in a term.
    leaders: BTreeMap<u64, BTreeSet<usize>>,
    /// In which terms somebody stood for election.
    campaigns: BTreeSet<u64>,
    nodes: BTreeMap<usize, Own>,
}

/// What is known of one node.
#[derive(Default)]
struct Own {
    /// The last term in which it stood for election, in the life of its process.
    candidate_in: Option<u64>,
    /// The last term in which it led.
    led_in: u64,
}

impl Known {
    fn hear(&mut self, said: &Said) -> Vec<(&'static str, String)> {
        let Said { node, term, word, .. } = *said;
        let (name, own) = (node + 1, self.nodes.entry(node).or_default());
        let mut breaches = Vec::new();
        if word != Word::Started && term < own.led_in {
            breaches.push((
                KEPT,
                format!("n{name} led term {} and is in term {term} later", own.led_in),
            ));
        }
        match word {
            Word::Started => own.candidate_in = None,
            Word::Campaigns => {
                own.candidate_in = Some(term);
                self.campaigns.insert(term);
            }
            Word::Elected => {
                own.led_in = own.led_in.max(term);
                if own.candidate_in != Some(term) {
                    breaches.push((
                        BY_VOTES,
                        format!(
                            "n{name} leads term {term}, in which it did not stand for election"
                        ),
                    ));
                }
                let leaders = self.leaders.entry(term).or_default();
                leaders.insert(node);
                if leaders.len() > 1 {
                    let names: Vec<String> =
                        leaders.iter().map(|node| format!("n{}", node + 1)).collect();
                    breaches.push((
                        SAFETY,
                        format!("{} were elected in term {term}", names.join(" and ")),
                    ));
                }
            }
            Word::Asks | Word::SteppedDown | Word::Follows | Word::Alone => {}
        }
        breaches
    }

    /// Terms that somebody is in and nobody began. Looked for at the end: who hears of a term may write that down before the
    /// candidate does.
    fn candidates_missing(&self, said: &[Said], found: &mut BTreeMap<&'static str, Finding>) {
        // Elected without a candidacy is told already, and more to the point.
        if found.contains_key(BY_VOTES) {
            return;
        }
        let begun = |said: &&Said| said.term == 0 || self.campaigns.contains(&said.term);
        if let Some(odd) = said.iter().find(|said| said.word != Word::Started && !begun(said)) {
            let what = format!(
                "n{} is in term {}, in which nobody stood for election",
                odd.node + 1,
                odd.term
            );
            found.insert(BEGUN, finding(BEGUN, odd, what));
        }
    }
}
