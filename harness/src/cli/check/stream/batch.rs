//! Events in batches, on their way from the thread that reads to the one that judges.
//!
//! The texts of a batch lie one behind the other in one buffer, and batches go back when they are judged, so an event with
//! a plain value costs no allocation. What only people look at (times, nodes, the words of an error) stays behind.

use rashomon_checker::Value;
use rashomon_checker::history::{EventKind, EventRef, ProcessId};

/// Events of a full batch.
const EVENTS_MAX: usize = 2048;

/// Bytes of a full batch: answers can be long lists.
const BYTES_MAX: usize = 1 << 20;

/// Some events, in order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    texts: String,
    events: Vec<Entry>,
    /// What the texts and values hold, roughly.
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    line: u64,
    process: ProcessId,
    kind: EventKind,
    named_error: bool,
    f: Span,
    key: Option<Span>,
    value: Value,
}

/// A part of the texts.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
}

impl Batch {
    /// One more event.
    pub(super) fn push(&mut self, event: EventRef<'_>, line: u64) {
        let EventRef { process, kind, f, key, value, error, .. } = event;
        let before = self.texts.len();
        let (f, key) = (self.text(f), key.map(|key| self.text(key)));
        self.bytes += self.texts.len() - before + size_of::<Entry>() + heap_bytes(&value);
        let named_error = error.is_some();
        self.events.push(Entry { line, process, kind, named_error, f, key, value });
    }

    fn text(&mut self, text: &str) -> Span {
        let start = self.texts.len();
        self.texts.push_str(text);
        Span { start, end: self.texts.len() }
    }

    /// Whether it is time to hand it over.
    pub(super) fn is_full(&self) -> bool {
        self.events.len() >= EVENTS_MAX || self.bytes >= BYTES_MAX
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The events, by function and value.
    pub(super) fn values(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.events.iter().map(|entry| (&self.texts[entry.f.start..entry.f.end], &entry.value))
    }

    /// The event at this place, with its line. Its value is gone afterwards.
    pub(super) fn take(&mut self, place: usize) -> (EventRef<'_>, u64) {
        let Self { texts, events, .. } = self;
        let Entry { line, process, kind, named_error, f, key, value } = &mut events[place];
        let event = EventRef {
            time: None,
            process: *process,
            kind: *kind,
            f: &texts[f.start..f.end],
            key: key.map(|key| &texts[key.start..key.end]),
            value: std::mem::take(value),
            node: None,
            error: named_error.then_some(""),
        };
        (event, *line)
    }

    /// Makes it as good as new.
    pub(super) fn clear(&mut self) {
        self.texts.clear();
        self.events.clear();
        self.bytes = 0;
    }
}

/// What a value holds elsewhere.
fn heap_bytes(value: &Value) -> usize {
    match value {
        Value::Nil | Value::Bool(_) | Value::Int(_) => 0,
        Value::Text(text) => text.len(),
        Value::List(items) => items.iter().map(|item| size_of::<Value>() + heap_bytes(item)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event<'a>(f: &'a str, key: Option<&'a str>, value: Value) -> EventRef<'a> {
        let (process, kind) = (ProcessId(7), EventKind::Fail);
        EventRef { time: Some(1), process, kind, f, key, value, node: None, error: Some("busy") }
    }

    #[test]
    fn events_come_out_as_they_went_in_but_for_what_people_read() {
        let mut batch = Batch::default();
        for _ in 0..2 {
            let list = Value::List(vec![Value::Int(1), Value::from("two")]);
            batch.push(event("read", Some("k1"), list.clone()), 3);
            batch.push(event("write", None, Value::Nil), 4);
            let functions: Vec<&str> = batch.values().map(|(f, _)| f).collect();
            assert_eq!(functions, ["read", "write"]);
            let stripped = |event| EventRef { time: None, error: Some(""), ..event };
            let read = event("read", Some("k1"), list);
            assert_eq!(batch.take(0), (stripped(read), 3));
            assert_eq!(batch.take(1), (stripped(event("write", None, Value::Nil)), 4));
            batch.clear();
        }
        assert_eq!((batch.len(), batch.bytes()), (0, 0));
    }

    #[test]
    fn long_answers_fill_a_batch() {
        let mut batch = Batch::default();
        batch.push(event("read", None, Value::List(vec![Value::Nil; BYTES_MAX / 20])), 1);
        assert!(batch.is_full() && batch.len() == 1);
        batch.clear();
        for line in 1..EVENTS_MAX as u64 {
            batch.push(event("read", None, Value::Nil), line);
            assert!(!batch.is_full());
        }
        batch.push(event("read", None, Value::Nil), 0);
        assert!(batch.is_full());
    }
}
