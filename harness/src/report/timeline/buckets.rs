//! Operations counted by slice of time.

use rashomon_checker::history::Operation;

use crate::report::operations::{self, Kind};

/// Slices at most: about the pixels of a bar that can still be told from its neighbour.
const SLICES_MAX: u64 = 120;
const MILLI: u64 = 1_000_000;
/// Widths that a slice may have, in milliseconds; beyond, whole minutes.
const WIDTHS_MS: [u64; 14] =
    [1, 2, 5, 10, 20, 50, 100, 250, 500, 1_000, 2_000, 5_000, 10_000, 30_000];

/// Counts of one slice, by outcome in the order of [`Kind::ALL`].
pub(super) type Counts = [u64; 3];

/// Operations by slice of time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Buckets {
    /// Nanoseconds a slice.
    pub(super) width: u64,
    pub(super) counts: Vec<Counts>,
}

impl Buckets {
    /// Counts what was known of each operation when: see [`operations::known_at`].
    pub(super) fn new<'a>(operations: impl Iterator<Item = &'a Operation>, end: u64) -> Self {
        let width = width(end);
        let mut counts = vec![[0; 3]; (end / width + 1) as usize];
        for operation in operations {
            let Some(time) = operations::known_at(operation) else { continue };
            let slice = ((time / width) as usize).min(counts.len() - 1);
            let kind = Kind::of(operation);
            if let Some(place) = Kind::ALL.iter().position(|other| *other == kind) {
                counts[slice][place] += 1;
            }
        }
        Self { width, counts }
    }

    /// Operations of the fullest slice.
    pub(super) fn highest(&self) -> u64 {
        self.counts.iter().map(|counts| counts.iter().sum()).max().unwrap_or(0)
    }
}

fn width(end: u64) -> u64 {
    let fits = |width: &u64| end / width < SLICES_MAX;
    let minute = 60_000 * MILLI;
    WIDTHS_MS
        .iter()
        .map(|millis| millis * MILLI)
        .find(fits)
        .unwrap_or_else(|| (end / SLICES_MAX / minute + 1).saturating_mul(minute))
}

#[cfg(test)]
mod tests {
    use rashomon_checker::Value;
    use rashomon_checker::history::{OpId, Outcome, ProcessId};

    use super::*;

    fn operation(time: u64, outcome: Outcome) -> Operation {
        Operation {
            id: OpId(0),
            process: ProcessId(0),
            f: "read".to_owned(),
            key: None,
            input: Value::Nil,
            outcome,
            call: 0,
            ret: None,
            call_time: Some(time),
            ret_time: None,
            node: None,
            error: None,
        }
    }

    #[test]
    fn slices_fit_the_run() {
        let cases = [(0, 1), (20_000, 250), (25_000, 250), (30_000, 500), (3_600_000, 60_000)];
        for (millis, expected) in cases {
            assert_eq!(width(millis * MILLI), expected * MILLI, "{millis}");
        }
        let year = 365 * 24 * 3_600_000 * MILLI;
        assert!(year / width(year) <= SLICES_MAX && width(u64::MAX) > 0);
    }

    #[test]
    fn operations_are_counted_by_outcome() {
        let all = [
            operation(0, Outcome::Ok(Value::Nil)),
            operation(3 * MILLI, Outcome::Info),
            operation(3 * MILLI, Outcome::Fail(Value::Nil)),
            operation(99 * MILLI, Outcome::Info),
        ];
        let buckets = Buckets::new(all.iter(), 4 * MILLI);
        assert_eq!(buckets.counts, [[1, 0, 0], [0; 3], [0; 3], [0, 1, 1], [0, 0, 1]]);
        assert_eq!(buckets.highest(), 2);
    }
}
