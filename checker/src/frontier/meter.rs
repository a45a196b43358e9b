//! What a sweep may spend, asked in every long loop.

use crate::search::{Account, Stop};

/// Steps between two looks at the stop test and the memory account.
const POLL_INTERVAL: u64 = 1024;

/// Counts steps and bytes against the limits.
pub(crate) struct Meter<'a, 'b> {
    account: &'a mut Account<'b>,
    stop: &'a dyn Fn() -> Option<Stop>,
    steps: u64,
    /// Bytes of the sweep's own tables.
    held: usize,
    /// Bytes of the object's tables, when last looked at.
    beside: usize,
}

impl<'a, 'b> Meter<'a, 'b> {
    pub(crate) fn new(account: &'a mut Account<'b>, stop: &'a dyn Fn() -> Option<Stop>) -> Self {
        Self { account, stop, steps: 0, held: 0, beside: 0 }
    }

    /// Counts steps; true if it is time to [`Meter::poll`].
    pub(super) fn step(&mut self, steps: usize) -> bool {
        self.steps += steps as u64;
        self.steps >= POLL_INTERVAL
    }

    /// Asks whether to go on. `beside` is what the object holds now.
    pub(super) fn poll(&mut self, beside: usize) -> Result<(), Stop> {
        self.steps = 0;
        self.beside = beside;
        self.account.hold(self.held + self.beside)?;
        (self.stop)().map_or(Ok(()), Err)
    }

    /// Makes sure that one more fits into `items`, each of which holds `heap` more bytes elsewhere.
    pub(super) fn room<T>(&mut self, items: &mut Vec<T>, heap: usize) -> Result<(), Stop> {
        if items.len() < items.capacity() {
            return Ok(());
        }
        let size = size_of::<T>() + heap;
        let more = (items.capacity() / 2).max(64);
        // While it grows, the old and the new one exist side by side.
        let moved = items.capacity() * size_of::<T>();
        self.account.hold(self.held + self.beside + more * size + moved)?;
        items.reserve_exact(more);
        self.hold(more * size)
    }

    /// Bytes of the sweep's own tables.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Only so many bytes are held any more.
    pub(super) fn release(&mut self, held: usize) {
        self.held = held;
    }

    /// Counts bytes that are there from now on.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<(), Stop> {
        self.account.hold(self.held + self.beside + bytes)?;
        self.held += bytes;
        Ok(())
    }
}
