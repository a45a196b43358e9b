//! How a run is going, for people, on stderr: a bar on a terminal, else a line every few seconds.
//!
//! Reads counters, never touches the run. Nothing here goes to stdout, which carries the result only.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::client::Completion;
use crate::console::say;

/// Seconds between two lines where there is no terminal.
const LINE_EVERY_S: u64 = 5;

/// Operations by outcome, counted by the clients as they go.
#[derive(Debug, Default)]
pub struct Tally {
    ok: AtomicU64,
    fail: AtomicU64,
    info: AtomicU64,
}

impl Tally {
    /// Counts one completed operation.
    pub(crate) fn count(&self, completion: &Completion) {
        let counter = match completion {
            Completion::Ok(_) => &self.ok,
            Completion::Fail(_) => &self.fail,
            Completion::Info(_) => &self.info,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Operations that were `ok`, `fail` and `info` so far.
    pub fn counts(&self) -> [u64; 3] {
        [&self.ok, &self.fail, &self.info].map(|counter| counter.load(Ordering::Relaxed))
    }
}

/// A moment of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Glance {
    /// Time of load so far.
    pub(crate) elapsed: Duration,
    /// [`Tally::counts`].
    pub(crate) counts: [u64; 3],
    /// Name of the leader, where known.
    pub(crate) leader: Option<String>,
    /// Names of the faults in force.
    pub(crate) faults: Vec<String>,
}

/// How a run speaks of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// A bar: stderr is a terminal.
    Bar,
    /// Lines.
    Lines,
    /// Not at all: whoever has it run does.
    Silent,
}

impl Voice {
    /// What suits the stderr that there is.
    pub(crate) fn of_stderr() -> Self {
        if io::stderr().is_terminal() { Self::Bar } else { Self::Lines }
    }
}

/// Shows a run.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    silent: bool,
    whole: Duration,
    pace: Mutex<Pace>,
}

/// What the rate of the next line is measured from.
#[derive(Debug, Default)]
struct Pace {
    since: Duration,
    operations: u64,
    rate: f64,
    last_line_s: u64,
}

impl Progress {
    /// For a load of `whole`.
    pub(crate) fn new(whole: Duration, voice: Voice) -> Self {
        let bar = (voice == Voice::Bar).then(|| {
            let style = ProgressStyle::with_template("{bar:24.cyan} {wide_msg}")
                .expect("the template is well-formed")
                .progress_chars("━╸ ");
            let length = u64::try_from(whole.as_millis()).unwrap_or(u64::MAX);
            let target = ProgressDrawTarget::stderr_with_hz(10);
            ProgressBar::with_draw_target(Some(length), target).with_style(style)
        });
        Self { bar, silent: voice == Voice::Silent, whole, pace: Mutex::default() }
    }

    /// Shows where the run is now.
    pub(crate) fn show(&self, glance: &Glance) {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.update(glance);
        if let Some(bar) = &self.bar {
            bar.set_position(u64::try_from(glance.elapsed.as_millis()).unwrap_or(u64::MAX));
            bar.set_message(self.line(glance, pace.rate));
        } else if glance.elapsed.as_secs() >= pace.last_line_s + LINE_EVERY_S {
            pace.last_line_s = glance.elapsed.as_secs();
            self.tell(&self.line(glance, pace.rate));
        }
    }

    /// Tells that another part of the run begins.
    pub(crate) fn phase(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(what.to_owned()),
            None => self.tell(what),
        }
    }

    /// Tells something that must not be missed.
    pub(crate) fn note(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say(what)),
            None => self.tell(what),
        }
    }

    fn tell(&self, what: &str) {
        if !self.silent {
            say(what);
        }
    }

    /// Takes the bar away, so that the result stands alone.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn line(&self, glance: &Glance, rate: f64) -> String {
        let [ok, fail, info] = glance.counts;
        let leader = glance.leader.as_deref().unwrap_or("none");
        let faults =
            if glance.faults.is_empty() { "none".to_owned() } else { glance.faults.join(", ") };
        format!(
            "{:.0}/{:.0} s  {rate:.0} ops/s  {ok} ok {fail} fail {info} info  leader {leader}  \
             faults {faults}",
            glance.elapsed.as_secs_f64(),
            self.whole.as_secs_f64(),
        )
    }
}

impl Pace {
    /// Rates are over at least half a second; shorter ones jump about.
    fn update(&mut self, glance: &Glance) {
        let span = glance.elapsed.saturating_sub(self.since);
        if span >= Duration::from_millis(500) {
            let operations: u64 = glance.counts.iter().sum();
            self.rate = operations.saturating_sub(self.operations) as f64 / span.as_secs_f64();
            self.since = glance.elapsed;
            self.operations = operations;
        }
    }
}

#[cfg(test)]
mod tests {
    use rashomon_checker::Value;

    use super::*;

    #[test]
    fn counts_by_outcome() {
        let tally = Tally::default();
        tally.count(&Completion::Ok(Value::Nil));
        tally.count(&Completion::Ok(Value::Nil));
        tally.count(&Completion::Fail(String::new()));
        assert_eq!(tally.counts(), [2, 1, 0]);
    }

    #[test]
    fn a_line_tells_rate_outcomes_leader_and_faults() {
        let progress = Progress::new(Duration::from_secs(20), Voice::Lines);
        let glance = Glance {
            elapsed: Duration::from_secs(10),
            counts: [1000, 80, 20],
            leader: Some("n2".into()),
            faults: vec!["kill-leader".into()],
        };
        assert_eq!(
            progress.line(&glance, 200.4),
            "10/20 s  200 ops/s  1000 ok 80 fail 20 info  leader n2  faults kill-leader"
        );
        let calm = Glance { leader: None, faults: Vec::new(), ..glance };
        assert!(progress.line(&calm, 0.0).ends_with("leader none  faults none"));
    }

    #[test]
    fn the_rate_is_over_the_time_since_it_was_last_taken() {
        let mut pace = Pace::default();
        let mut at = |ms, ok| {
            let elapsed = Duration::from_millis(ms);
            pace.update(&Glance { elapsed, counts: [ok, 0, 0], ..Glance::default() });
            pace.rate
        };
        assert!((at(1_000, 500) - 500.0).abs() < 1e-9);
        assert!((at(1_100, 600) - 500.0).abs() < 1e-9, "too soon to tell");
        assert!((at(2_000, 600) - 100.0).abs() < 1e-9);
    }
}
