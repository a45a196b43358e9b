//! What ends a check early: its time, or Ctrl-C.

use std::time::{Duration, Instant};

use super::interrupt::Interrupt;

/// The limits of one check.
#[derive(Debug)]
pub(super) struct Limits<'a> {
    interrupt: &'a Interrupt,
    started: Instant,
    time: Option<Duration>,
}

impl<'a> Limits<'a> {
    /// From now on, until dropped.
    pub(super) fn new(interrupt: &'a Interrupt, time: Option<Duration>) -> Self {
        interrupt.set_awaited(true);
        Self { interrupt, started: Instant::now(), time }
    }

    /// How long it has gone on.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Whether it is to end.
    pub(super) fn are_reached(&self) -> bool {
        self.interrupt.is_heard() || self.time.is_some_and(|time| self.elapsed() >= time)
    }

    /// Which limit is reached, if one is.
    pub(super) fn cause(&self) -> Option<String> {
        if self.interrupt.is_heard() {
            return Some("stopped by Ctrl-C".to_owned());
        }
        let time = self.time.filter(|_| self.are_reached())?;
        Some(format!("stopped by --time-limit {}s", time.as_secs_f64()))
    }
}

impl Drop for Limits<'_> {
    fn drop(&mut self) {
        self.interrupt.set_awaited(false);
    }
}
