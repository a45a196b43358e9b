//! How far a stream is, for people, on stderr: a bar on a terminal, else a line now and then.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::console::say;
use crate::visible::visible;

/// Work that is done by then needs no sign.
const FIRST_SIGN: Duration = Duration::from_secs(2);

/// Between two lines.
const NEXT_LINE: Duration = Duration::from_secs(10);

/// Between two states of the bar.
const NEXT_STATE: Duration = Duration::from_millis(200);

/// Shows how far it is.
pub(super) struct Sign {
    name: String,
    terminal: bool,
    bar: Option<ProgressBar>,
    next: Duration,
}

impl Sign {
    /// Nothing to show yet.
    pub(super) fn new(name: &Path) -> Self {
        let name = visible(&name.display().to_string());
        let terminal = io::stderr().is_terminal();
        Self { name, terminal, bar: None, next: FIRST_SIGN }
    }

    /// Shows how far it is, if it is time to.
    pub(super) fn look(&mut self, elapsed: Duration, events: u64, percent: Option<u64>) {
        if elapsed < self.next {
            return;
        }
        let line = line(&self.name, events, percent, elapsed);
        if self.terminal {
            self.next = elapsed + NEXT_STATE;
            let bar = self.bar.get_or_insert_with(new_bar);
            bar.set_position(percent.unwrap_or(0));
            bar.set_message(line);
        } else {
            self.next = elapsed + NEXT_LINE;
            say(&line);
        }
    }

    /// Takes the bar away, so that the result stands alone.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn new_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:24.cyan} {wide_msg}")
        .expect("the template is well-formed")
        .progress_chars("━╸ ");
    let target = ProgressDrawTarget::stderr_with_hz(10);
    ProgressBar::with_draw_target(Some(100), target).with_style(style)
}

fn line(name: &str, events: u64, percent: Option<u64>, elapsed: Duration) -> String {
    let share = percent.map(|percent| format!(", {percent} %")).unwrap_or_default();
    let rate = events as f64 / elapsed.as_secs_f64().max(0.001);
    format!(
        "checking {name}: {events} events{share}, {rate:.0} events/s, no violation so far, {} s",
        elapsed.as_secs()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_events_share_rate_and_time() {
        let told = line("h.jsonl", 9_000_000, Some(45), Duration::from_secs(3));
        assert_eq!(
            told,
            "checking h.jsonl: 9000000 events, 45 %, 3000000 events/s, no violation so far, 3 s"
        );
        assert!(!line("stdin", 1, None, Duration::from_secs(3)).contains('%'));
    }
}
