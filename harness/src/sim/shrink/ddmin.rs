//! Delta debugging: a small part of a set that still does what the whole does.
//!
//! Pieces are taken away, first large ones, then smaller ones, at last single elements, again and again until none can be
//! spared (Zeller, Hildebrandt: Simplifying and Isolating Failure-Inducing Input, IEEE TSE 2002). Of the two halves of that
//! algorithm this is the one that tries complements: a piece that would do alone is found by taking the others away.

/// A part of `elements`, in their order, that passes `still`, of which no single element can be spared. The whole is taken
/// to pass. How often `still` is asked is at worst quadratic, and about `k log n` for `k` elements that matter among `n`.
pub(super) fn ddmin<T: Clone>(elements: Vec<T>, mut still: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut left = elements;
    let mut size = left.len();
    while size > 0 && !left.is_empty() {
        let before = left.len();
        spare(&mut left, size, &mut still);
        size = match (size, left.len() < before) {
            // What could not be spared before may be now.
            (1, true) => 1,
            (1, false) => 0,
            _ => size.div_ceil(2),
        };
    }
    left
}

/// Takes away each piece of `size` elements that can be spared.
fn spare<T: Clone>(left: &mut Vec<T>, size: usize, still: &mut impl FnMut(&[T]) -> bool) {
    // From the end: what comes late matters to less of the rest.
    let mut end = left.len();
    while end > 0 {
        let begin = end.saturating_sub(size);
        let rest = [&left[..begin], &left[end..]].concat();
        if still(&rest) {
            *left = rest;
        }
        end = begin;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of `0..n`, and how often was asked.
    fn of(n: u32, mut still: impl FnMut(&[u32]) -> bool) -> (Vec<u32>, usize) {
        let mut asked = 0;
        let left = ddmin((0..n).collect(), |part| {
            asked += 1;
            still(part)
        });
        (left, asked)
    }

    #[test]
    fn what_matters_is_left_and_found_quickly() {
        for wanted in [vec![], vec![0], vec![999], vec![3, 500, 501], vec![0, 250, 999]] {
            let (left, asked) = of(1000, |part| wanted.iter().all(|one| part.contains(one)));
            assert_eq!(left, wanted);
            assert!(asked <= 5 + 25 * wanted.len(), "{asked} for {wanted:?}");
        }
        assert!(of(0, |_| true).0.is_empty());
        assert_eq!(of(7, |part| part.len() == 7).0.len(), 7);
    }

    #[test]
    fn no_single_element_can_be_spared_whatever_the_question() {
        // Every question about subsets of four elements that the whole set passes.
        for table in 0..1_u32 << 15 {
            let table = table | 1 << 15;
            let passes = |part: &[u32]| {
                let place: u32 = part.iter().map(|element| 1 << element).sum();
                table >> place & 1 == 1
            };
            let (left, _) = of(4, passes);
            assert!(passes(&left), "{table:x}: {left:?}");
            for spared in &left {
                let rest: Vec<u32> = left.iter().copied().filter(|one| one != spared).collect();
                assert!(!passes(&rest), "{table:x}: {left:?} without {spared}");
            }
        }
    }

    #[test]
    fn pairs_that_only_go_together_go() {
        let paired = |part: &[u32]| {
            (0..8).all(|pair| part.contains(&(2 * pair)) == part.contains(&(2 * pair + 1)))
        };
        let (left, _) = of(16, |part| part.contains(&5) && paired(part));
        assert_eq!(left, [4, 5]);
    }

    #[test]
    fn a_question_that_is_not_answered_any_more_ends_it() {
        let mut budget = 2;
        let (left, asked) = of(64, |part| {
            budget -= 1;
            budget >= 0 && !part.is_empty()
        });
        assert_eq!(left.len(), 32, "one half was taken away");
        assert!(asked < 200, "{asked}");
    }
}
