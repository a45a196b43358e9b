//! Which operations of a client's stream are left out.
//!
//! Real clients leave none out. The simulator does, to find out which operations of a failing run matter: one that is left
//! out keeps its place, that is, it is drawn and its time is waited for, so that those after it stay what they were.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

/// What a client leaves out, and what it has begun.
#[derive(Debug, Clone, Default)]
pub(crate) struct Agenda {
    omitted: Vec<RangeInclusive<u64>>,
    next: u64,
    begun: Arc<Mutex<Vec<u64>>>,
}

impl Agenda {
    /// Leaves out the operations at these places, from 0.
    pub(crate) fn without(omitted: Vec<RangeInclusive<u64>>) -> Self {
        Self { omitted, ..Self::default() }
    }

    /// The places of operations that were begun so far: always up to date.
    pub(crate) fn begun(&self) -> Arc<Mutex<Vec<u64>>> {
        Arc::clone(&self.begun)
    }

    /// Goes on to the next place. Whether its operation takes place.
    pub(super) fn admits_next(&mut self) -> bool {
        let place = self.next;
        self.next += 1;
        if self.omitted.iter().any(|places| places.contains(&place)) {
            return false;
        }
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).push(place);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_keeps_its_place() {
        let mut agenda = Agenda::without(vec![1..=2, 5..=5, 8..=u64::MAX]);
        let begun = agenda.begun();
        let admitted: Vec<bool> = (0..10).map(|_| agenda.admits_next()).collect();
        assert_eq!(admitted.iter().filter(|admitted| **admitted).count(), 5);
        assert_eq!(*begun.lock().unwrap(), [0, 3, 4, 6, 7]);
    }
}
