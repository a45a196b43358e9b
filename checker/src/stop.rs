//! Being told to stop: the caller's stop test, how often it is asked, and what a report says once it said so.
//!
//! Whoever works long asks in between, and hands [`Stopped`] up to whoever writes the report. What was found by then
//! stands; what was not looked at is unknown, and never taken for an answer.

use std::cell::Cell;

/// What a report says of a check that was told to stop. Why it was, only the caller knows: [`name`].
pub(crate) const TOLD_TO_STOP: &str = "the check was told to stop";

/// Steps between two looks of a [`Pace`]. Tests stop it anywhere.
const STEPS: usize = if cfg!(test) { 1 } else { 4096 };

/// The stop test said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped;

/// Asks whether to stop.
#[derive(Clone, Copy)]
pub(crate) struct Stop<'a>(pub(crate) &'a dyn Fn() -> bool);

impl Stop<'_> {
    pub(crate) fn ask(self) -> Result<(), Stopped> {
        if (self.0)() { Err(Stopped) } else { Ok(()) }
    }
}

/// Asks whether to stop at the first step, and then every some thousand.
pub(crate) struct Pace<'a> {
    stop: Stop<'a>,
    since: Cell<usize>,
}

impl<'a> Pace<'a> {
    pub(crate) fn new(should_stop: &'a dyn Fn() -> bool) -> Self {
        Self { stop: Stop(should_stop), since: Cell::new(STEPS) }
    }

    /// Counts steps.
    pub(crate) fn step(&self, steps: usize) -> Result<(), Stopped> {
        let since = self.since.get().saturating_add(steps);
        if since < STEPS {
            self.since.set(since);
            return Ok(());
        }
        self.since.set(0);
        self.stop.ask()
    }
}

/// Says in a report's reason why the check was told to stop, if it was.
pub(crate) fn name(reason: &mut Option<String>, cause: &str) {
    if let Some(reason) = reason {
        *reason = reason.replace(TOLD_TO_STOP, cause);
    }
}
