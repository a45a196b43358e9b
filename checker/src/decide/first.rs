//! The first completion at which a history is impossible, by the decider that said that the whole is.
//!
//! What is impossible stays so however the history goes on, so the completion can be looked for by halving. The search
//! gallops first, from a guess in steps of doubling length: with a good guess it looks at a few beginnings of the history
//! only, with none (0) only at beginnings that are not much longer than the one that it finds.

use super::{NEVER, Timed};

/// The positions of all completions, in order.
pub(crate) fn completions<T>(ops: &[Timed<T>]) -> Vec<u32> {
    let mut completions: Vec<u32> =
        ops.iter().map(|op| op.ret).filter(|ret| *ret != NEVER).collect();
    completions.sort_unstable();
    completions
}

/// The operations as they were known right after event `last`: later ones are not there, those that complete later are
/// of unknown outcome. `ops` are in order of invocation, and so keep their indices.
pub(crate) fn known<T: Copy>(ops: &[Timed<T>], last: u32) -> Vec<Timed<T>> {
    let begun = ops.partition_point(|op| op.call <= last);
    let known = ops[..begun].iter();
    known.map(|op| Timed { ret: if op.ret <= last { op.ret } else { NEVER }, ..*op }).collect()
}

/// The index of the first of `completions` up to which the history is impossible, if there is one. `guess` is an index
/// near which to look first.
pub(crate) fn first_impossible(
    completions: &[u32],
    guess: usize,
    mut impossible: impl FnMut(u32) -> bool,
) -> Option<usize> {
    let last = completions.len().checked_sub(1)?;
    let guess = guess.min(last);
    // Possible up to right before `low`, impossible up to `high`.
    let (mut low, mut high);
    let mut step = 1;
    if impossible(completions[guess]) {
        (low, high) = (0, guess);
        while high > 0 {
            let at = guess.saturating_sub(step);
            if !impossible(completions[at]) {
                low = at + 1;
                break;
            }
            high = at;
            step *= 2;
        }
    } else {
        (low, high) = (guess + 1, guess);
        loop {
            if high == last {
                return None;
            }
            high = (guess + step).min(last);
            if impossible(completions[high]) {
                break;
            }
            low = high + 1;
            step *= 2;
        }
    }
    while low < high {
        let middle = usize::midpoint(low, high);
        if impossible(completions[middle]) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_found_wherever_it_is() {
        for count in 0..20_u32 {
            let completions: Vec<u32> = (0..count).map(|at| 3 * at + 1).collect();
            for first in 0..=count {
                for guess in 0..=count as usize {
                    let found = first_impossible(&completions, guess, |last| last > 3 * first);
                    let expected = (first < count).then_some(first as usize);
                    assert_eq!(found, expected, "{first} of {count}, from {guess}");
                }
            }
        }
    }
}
