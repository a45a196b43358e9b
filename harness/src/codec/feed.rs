//! What stands between a reader and whoever takes the events: counts, warnings, and the wish to stop.

use std::ops::ControlFlow;

use rashomon_checker::history::{Event, EventRef};

/// Takes each event with the line it began on, and says whether to go on.
pub type Sink<'s> = &'s mut dyn FnMut(EventRef<'_>, u64) -> ControlFlow<()>;

/// Hands events to a sink.
pub(super) struct Feed<'s> {
    sink: Sink<'s>,
    pub(super) warnings: Vec<String>,
    events: u64,
    passed_over: u64,
    line: u64,
    stopped: bool,
}

impl<'s> Feed<'s> {
    pub(super) fn new(sink: Sink<'s>) -> Self {
        Self { sink, warnings: Vec::new(), events: 0, passed_over: 0, line: 0, stopped: false }
    }

    /// Gives a client's event.
    pub(super) fn give(&mut self, event: EventRef<'_>, line: u64) {
        if !self.stopped {
            self.line = line;
            self.stopped = (self.sink)(event, line).is_break();
            self.events += 1;
        }
    }

    /// Gives a client's event that has texts of its own.
    pub(super) fn give_owned(&mut self, mut event: Event, line: u64) {
        let value = std::mem::take(&mut event.value);
        self.give(EventRef { value, ..EventRef::from(&event) }, line);
    }

    /// Passes over an event that is nobody's.
    pub(super) fn pass_over(&mut self, line: u64) {
        if !self.stopped {
            self.line = line;
            self.passed_over += 1;
        }
    }

    pub(super) fn warn(&mut self, text: String) {
        self.warnings.push(text);
    }

    /// Events that were given.
    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// Events that were nobody's.
    pub(super) fn passed_over(&self) -> u64 {
        self.passed_over
    }

    /// The line of the last event.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Whether the sink has seen enough.
    pub(super) fn stopped(&self) -> bool {
        self.stopped
    }
}

/// The event with texts of its own, at this position.
pub(super) fn owned(event: EventRef<'_>, index: u64) -> Event {
    let EventRef { time, process, kind, f, key, value, node, error } = event;
    let [key, node, error] = [key, node, error].map(|text| text.map(str::to_owned));
    Event { index, time, process, kind, f: f.to_owned(), key, value, node, error }
}
