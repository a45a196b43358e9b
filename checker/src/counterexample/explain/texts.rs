//! Text by key: a get that lacks what had been put there, or has it too often.

use rustc_hash::FxHashMap;

use crate::Value;
use crate::counterexample::explain::{Evidence, Finding};
use crate::counterexample::words::{answer, answered, deed, lead, short, times, who};
use crate::history::{OpId, Operation};

/// Bytes that counting texts may look at; beyond, the plainest sentence must do.
const BYTES_LOOKED_AT_MAX: usize = 1 << 27;

/// Texts that occur too often of which it is found out whether something else can look like them.
const AMBIGUOUS_MAX: usize = 64;

pub(super) fn find(evidence: &Evidence<'_>) -> Option<Finding> {
    let text = answer(evidence.blocked).as_text().unwrap_or("");
    let mut puts: FxHashMap<&str, usize> = FxHashMap::default();
    for put in evidence.begun().filter_map(put_by) {
        *puts.entry(put).or_default() += 1;
    }
    let occurs = occurrences(text, &puts)?;
    lost(evidence, &occurs).or_else(|| doubled(evidence, &puts, &occurs))
}

/// The text that an update puts there, if it is not empty.
fn put_by(operation: &Operation) -> Option<&str> {
    let text = match operation.f.as_str() {
        "put" | "append" => operation.input.as_text()?,
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn replaces(operation: &Operation) -> bool {
    matches!(operation.f.as_str(), "put" | "delete")
}

/// How often each of these texts occurs in `text`, without overlaps, where it does. One pass for each length that they
/// have; `None` if these are too many.
fn occurrences<'a>(
    text: &str,
    puts: &FxHashMap<&'a str, usize>,
) -> Option<FxHashMap<&'a str, usize>> {
    let mut by_length: FxHashMap<usize, FxHashMap<u64, Vec<&'a str>>> = FxHashMap::default();
    for put in puts.keys().copied().filter(|put| put.len() <= text.len()) {
        let of_length = by_length.entry(put.len()).or_default();
        of_length.entry(Window::new(put.as_bytes()).hash).or_default().push(put);
    }
    if by_length.len().saturating_mul(text.len()) > BYTES_LOOKED_AT_MAX {
        return None;
    }
    let mut counts: FxHashMap<&str, (usize, usize)> = FxHashMap::default();
    for (length, sought) in by_length {
        let bytes = text.as_bytes();
        let mut window = Window::new(&bytes[..length]);
        for start in 0..=bytes.len() - length {
            if start > 0 {
                window.slide(bytes[start - 1], bytes[start + length - 1]);
            }
            let found = sought.get(&window.hash).into_iter().flatten();
            for put in found.filter(|put| bytes[start..].starts_with(put.as_bytes())) {
                let (count, end) = counts.entry(put).or_default();
                if start >= *end {
                    *count += 1;
                    *end = start + length;
                }
            }
        }
    }
    Some(counts.into_iter().map(|(put, (count, _))| (put, count)).collect())
}

/// The hash of some bytes in a row, which can move on by one.
struct Window {
    hash: u64,
    /// What the first byte counts.
    weight: u64,
}

impl Window {
    const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

    fn new(bytes: &[u8]) -> Self {
        let (mut hash, mut weight) = (0_u64, 1_u64);
        for (at, byte) in bytes.iter().enumerate() {
            hash = hash.wrapping_mul(Self::BASE).wrapping_add(u64::from(*byte) + 1);
            if at > 0 {
                weight = weight.wrapping_mul(Self::BASE);
            }
        }
        Self { hash, weight }
    }

    fn slide(&mut self, gone: u8, new: u8) {
        let rest = self.hash.wrapping_sub(self.weight.wrapping_mul(u64::from(gone) + 1));
        self.hash = rest.wrapping_mul(Self::BASE).wrapping_add(u64::from(new) + 1);
    }
}

/// The newest text that had been put there, that nothing can have taken away again, and that is missing.
fn lost(evidence: &Evidence<'_>, occurs: &FxHashMap<&str, usize>) -> Option<Finding> {
    let replacers = Replacers::of(evidence);
    let lost = evidence
        .begun()
        .filter(|operation| {
            let missing = put_by(operation).is_some_and(|put| !occurs.contains_key(put));
            missing && evidence.had_completed(operation) && !replacers.may_undo(operation)
        })
        .max_by_key(|operation| operation.ret)?;
    let sentence = format!(
        "{} {}, but {}'s {} had completed {}before the get began",
        who(evidence.blocked),
        answered(evidence.blocked),
        who(lost),
        deed(lost),
        lead(lost, evidence.blocked)
    );
    Some(Finding { sentence, contradicts: Some(lost.id) })
}

/// The two operations that replace the text and complete last.
struct Replacers([Option<(u64, OpId)>; 2]);

impl Replacers {
    fn of(evidence: &Evidence<'_>) -> Self {
        let mut last = [None; 2];
        for operation in evidence.begun().filter(|operation| replaces(operation)) {
            let this = Some((operation.ret.unwrap_or(u64::MAX), operation.id));
            if this > last[0] {
                last = [this, last[0]];
            } else if this > last[1] {
                last[1] = this;
            }
        }
        Self(last)
    }

    /// Whether another one may have taken effect after the update.
    fn may_undo(&self, update: &Operation) -> bool {
        self.0.iter().flatten().any(|(ret, id)| *id != update.id && *ret > update.call)
    }
}

/// A text that occurs more often than it was put there, and that no other texts together can look like.
fn doubled(
    evidence: &Evidence<'_>,
    puts: &FxHashMap<&str, usize>,
    occurs: &FxHashMap<&str, usize>,
) -> Option<Finding> {
    let too_often = |put: &&str| occurs.get(put) > puts.get(put);
    let put = evidence
        .begun()
        .filter_map(put_by)
        .filter(too_often)
        .take(AMBIGUOUS_MAX)
        .find(|put| !puts.keys().any(|other| can_pass_for(other, put)))?;
    let sentence = format!(
        "{} {}, which has {} {}, but it was written {} only",
        who(evidence.blocked),
        answered(evidence.blocked),
        short(&Value::from(put)),
        times(occurs.get(put).copied().unwrap_or(0)),
        times(puts.get(put).copied().unwrap_or(0))
    );
    Some(Finding { sentence, contradicts: None })
}

/// Whether `put` can begin somewhere in `other`, or where `other` begins, without being `put` itself: as a part of it,
/// or with its end and what follows.
fn can_pass_for(other: &str, put: &str) -> bool {
    let contains = other != put && other.contains(put);
    let starts = put.char_indices().map(|(at, _)| &put[..at]).skip(1);
    contains || starts.into_iter().any(|start| other.ends_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn occurrences_are_counted_as_a_plain_search_counts_them() {
        let texts = ["a", "ab", "b", "ba", "aa", "aba", "é", "x 1 y", "aab"];
        let puts: FxHashMap<&str, usize> = texts.iter().map(|text| (*text, 1)).collect();
        for text in ["", "a", "abab", "aaaaa", "abaabab", "éaéx 1 yx 1 y", "bbaab"] {
            let found = occurrences(text, &puts).unwrap();
            for put in texts {
                let count = found.get(put).copied().unwrap_or(0);
                assert_eq!(count, text.matches(put).count(), "{put} in {text}");
            }
        }
    }

    #[test]
    fn a_text_can_be_made_of_the_ends_and_beginnings_of_others() {
        for (other, put) in [("a", "ab"), ("xa", "ab"), ("xaby", "ab"), ("aba", "aba")] {
            assert!(can_pass_for(other, put), "{other} {put}");
        }
        for (other, put) in [("b", "ab"), ("ab", "ab"), ("x 1 y", "x 2 y"), ("é", "è")] {
            assert!(!can_pass_for(other, put), "{other} {put}");
        }
    }
}
