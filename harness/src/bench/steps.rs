//! How far a measurement is: a bar on a terminal, else a line a step.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::console::say;

/// Shows the steps of a measurement on stderr.
#[derive(Debug)]
pub(crate) struct Steps {
    bar: Option<ProgressBar>,
}

impl Steps {
    /// `terminal`: whether stderr is one.
    pub(crate) fn new(terminal: bool) -> Self {
        let bar = terminal.then(|| {
            let style = ProgressStyle::with_template("{bar:24.cyan} {pos}/{len} {wide_msg}")
                .expect("the template is well-formed")
                .progress_chars("━╸ ");
            ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr()).with_style(style)
        });
        Self { bar }
    }

    /// How many steps there will be.
    pub(super) fn plan(&self, steps: usize) {
        if let Some(bar) = &self.bar {
            bar.set_length(steps as u64);
        }
    }

    /// What is going on, between steps.
    pub(super) fn note(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(what.to_owned()),
            None => say(what),
        }
    }

    /// A step is done.
    pub(super) fn done(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
        self.note(what);
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
