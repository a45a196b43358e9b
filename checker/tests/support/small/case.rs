//! A small history, and the rules to judge it by.

use rashomon_checker::Value;
use rashomon_checker::check::{CheckOptions, Engine, ModelKind};
use rashomon_checker::history::{Builder, Event, EventKind, EventRef, History, ProcessId};

use super::oracle;
use super::words::{F, Word};

/// What to judge by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) model: ModelKind,
    /// What registers start with: nil, or a number.
    pub(crate) initial: Word,
    pub(crate) failed_cas_observed: bool,
    pub(crate) nil_reads_unknown: bool,
}

impl Rules {
    /// The same, for the checker.
    pub(crate) fn options(&self, engine: Engine) -> CheckOptions<'static> {
        CheckOptions {
            memory_bytes_max: 64 << 20,
            initial: Some(self.initial.to_value()),
            failed_cas_observed: self.failed_cas_observed,
            engine,
            ..CheckOptions::default()
        }
    }

    /// The same, for the brute force on plain values.
    pub(crate) fn plain(&self) -> oracle::Rules {
        oracle::Rules {
            model: self.model,
            initial: self.initial.to_value(),
            failed_cas_observed: self.failed_cas_observed,
            nil_reads_unknown: self.nil_reads_unknown,
        }
    }

    /// Whether an operation that failed says something.
    pub(crate) fn observes_failures_of(&self, f: F) -> bool {
        self.failed_cas_observed && self.model == ModelKind::CasRegister && f == F::Cas
    }
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Ok,
    Fail,
    Info,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Op {
    pub(crate) process: u8,
    pub(crate) key: Option<u8>,
    pub(crate) f: F,
    pub(crate) input: Word,
    pub(crate) end: End,
    /// If it ended well.
    pub(crate) answer: Word,
}

/// One event: the operation begins, or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) op: u8,
    pub(crate) begins: bool,
}

/// A history. What never ends is open to its end.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) rules: Rules,
    pub(crate) ops: Vec<Op>,
    pub(crate) marks: Vec<Mark>,
}

/// Names of the objects.
const KEYS: [&str; 2] = ["k0", "k1"];

impl Case {
    pub(crate) fn history(&self) -> History {
        let mut builder = Builder::with_capacity(self.ops.len());
        for mark in &self.marks {
            builder.push(self.event(*mark)).expect("a history");
        }
        let history = builder.finish();
        if self.rules.nil_reads_unknown { history.with_nil_reads_unknown() } else { history }
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        let events = self.marks.iter().enumerate().map(|(at, mark)| {
            let EventRef { process, kind, f, key, value, .. } = self.event(*mark);
            Event {
                index: at as u64,
                time: None,
                process,
                kind,
                f: f.to_owned(),
                key: key.map(str::to_owned),
                value,
                node: None,
                error: None,
            }
        });
        events.collect()
    }

    fn event(&self, mark: Mark) -> EventRef<'static> {
        let op = &self.ops[usize::from(mark.op)];
        let (kind, value) = match op.end {
            _ if mark.begins => (EventKind::Invoke, op.input.to_value()),
            End::Ok => (EventKind::Ok, op.answer.to_value()),
            End::Fail => (EventKind::Fail, op.input.to_value()),
            End::Info => (EventKind::Info, Value::Nil),
        };
        EventRef {
            time: None,
            process: ProcessId(u64::from(op.process)),
            kind,
            f: op.f.name(),
            key: op.key.map(|key| KEYS[usize::from(key)]),
            value,
            node: None,
            error: None,
        }
    }

    /// For people: what to judge by, and one line an event.
    pub(crate) fn show(&self) -> String {
        let Rules { model, initial, failed_cas_observed, nil_reads_unknown } = &self.rules;
        let initial = initial.to_value();
        let mut text = format!("model {model}, initially {initial}");
        for (told, words) in [
            (failed_cas_observed, ", failed compare-and-sets observed"),
            (nil_reads_unknown, ", nil reads unknown"),
        ] {
            text.push_str(if *told { words } else { "" });
        }
        for event in self.events() {
            text.push('\n');
            text.push_str(&serde_json::to_string(&event).expect("JSON"));
        }
        text
    }
}
