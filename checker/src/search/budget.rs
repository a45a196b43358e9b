//! What a search may spend: time (a stop test), memory (counted bytes, shared by all searches), effort.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Why a search ended without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stop {
    /// Its answer is no longer needed.
    Superseded,
    /// It visited as many configurations as it was allowed to.
    Effort,
    /// The memory budget is used up.
    Memory,
    /// The caller's stop test said so.
    Told,
}

/// Bytes that all searches together may hold.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes_max: usize,
    held: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, held: AtomicUsize::new(0) }
    }

    pub(crate) fn account(&self) -> Account<'_> {
        Account { budget: self, held: 0 }
    }
}

/// One search's part of a [`Budget`]; given back when dropped.
#[derive(Debug)]
pub(crate) struct Account<'a> {
    budget: &'a Budget,
    held: usize,
}

impl Account<'_> {
    /// States how much the search holds now, or is about to hold.
    pub(crate) fn hold(&mut self, bytes: usize) -> Result<(), Stop> {
        if bytes > self.held {
            let more = bytes - self.held;
            let before = self.budget.held.fetch_add(more, Ordering::Relaxed);
            if before.saturating_add(more) > self.budget.bytes_max {
                self.budget.held.fetch_sub(more, Ordering::Relaxed);
                return Err(Stop::Memory);
            }
        } else {
            self.budget.held.fetch_sub(self.held - bytes, Ordering::Relaxed);
        }
        self.held = bytes;
        Ok(())
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_share_one_budget_and_give_back() {
        let budget = Budget::new(100);
        let mut first = budget.account();
        let mut second = budget.account();
        assert_eq!(first.hold(60), Ok(()));
        assert_eq!(second.hold(60), Err(Stop::Memory));
        assert_eq!(second.hold(40), Ok(()));
        assert_eq!(first.hold(10), Ok(()));
        assert_eq!(second.hold(90), Ok(()));
        drop(second);
        assert_eq!(first.hold(100), Ok(()));
    }
}
