//! The operations of a run, as the page needs them.
//!
//! Pairing here is lenient on purpose: a history that the checker refuses (a harness fault, a foreign recorder) must
//! still be shown. A completion without an invocation is left out and counted; everything else becomes an operation.
//! Numbers are those of the checker: position in order of invocation.

use std::collections::BTreeMap;

use rashomon_checker::Value;
use rashomon_checker::history::{Event, EventKind, OpId, Operation, Outcome, ProcessId};

use super::escape;

/// All operations, and what could not be paired.
#[derive(Debug, Default)]
pub(super) struct Paired {
    pub(super) operations: Vec<Operation>,
    /// Completions whose process had nothing open.
    pub(super) strays: u64,
}

/// Pairs invocations with completions.
pub(super) fn pair(events: &[Event]) -> Paired {
    let mut paired = Paired::default();
    let mut open: BTreeMap<ProcessId, usize> = BTreeMap::new();
    for event in events {
        if event.kind == EventKind::Invoke {
            // A process that invokes twice leaves its first operation without an end: unknown, as it should be.
            open.insert(event.process, paired.operations.len());
            paired.operations.push(invoked(paired.operations.len(), event));
        } else if let Some(number) = open.remove(&event.process) {
            complete(&mut paired.operations[number], event);
        } else {
            paired.strays += 1;
        }
    }
    paired
}

fn invoked(number: usize, event: &Event) -> Operation {
    Operation {
        id: OpId(number),
        process: event.process,
        f: event.f.clone(),
        key: event.key.clone(),
        input: event.value.clone(),
        outcome: Outcome::Info,
        call: event.index,
        ret: None,
        call_time: event.time,
        ret_time: None,
        node: event.node.clone(),
        error: None,
    }
}

fn complete(operation: &mut Operation, event: &Event) {
    operation.outcome = match event.kind {
        EventKind::Ok => Outcome::Ok(event.value.clone()),
        EventKind::Fail => Outcome::Fail(event.value.clone()),
        EventKind::Info | EventKind::Invoke => Outcome::Info,
    };
    operation.ret = (event.kind != EventKind::Info).then_some(event.index);
    operation.ret_time = event.time;
    operation.error.clone_from(&event.error);
    if operation.node.is_none() {
        operation.node.clone_from(&event.node);
    }
}

/// The three outcomes, without their values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Ok,
    Fail,
    Info,
}

impl Kind {
    /// In the order in which they are listed and stacked.
    pub(super) const ALL: [Self; 3] = [Self::Ok, Self::Fail, Self::Info];

    /// The outcome of an operation.
    pub(super) fn of(operation: &Operation) -> Self {
        match operation.outcome {
            Outcome::Ok(_) => Self::Ok,
            Outcome::Fail(_) => Self::Fail,
            Outcome::Info => Self::Info,
        }
    }

    /// The word of the history files, also the class in the style sheet.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Fail => "fail",
            Self::Info => "info",
        }
    }
}

/// When the outcome of an operation was known: its completion; for one that never completed, its invocation.
pub(super) fn known_at(operation: &Operation) -> Option<u64> {
    operation.ret_time.or(operation.call_time)
}

/// What was asked and what was answered: `read → 40`, `write 41 → ok`, `cas [40 41] → fail`, `write 5 → ?`.
pub(super) fn label(operation: &Operation, value_chars_max: usize) -> String {
    let short = |value: &Value| escape::shorten_middle(&value.to_string(), value_chars_max);
    let mut text = escape::shorten(&operation.f, value_chars_max);
    if !operation.input.is_nil() {
        text.push(' ');
        text.push_str(&short(&operation.input));
    }
    text.push_str(" → ");
    match &operation.outcome {
        // An answer that repeats the argument says no more than "ok".
        Outcome::Ok(answer) if *answer == operation.input && !answer.is_nil() => {
            text.push_str("ok");
        }
        // Locks have nothing to say; a read of nil does.
        Outcome::Ok(Value::Nil) if ["acquire", "release"].contains(&operation.f.as_str()) => {
            text.push_str("ok");
        }
        Outcome::Ok(answer) => text.push_str(&short(answer)),
        Outcome::Fail(_) => text.push_str("fail"),
        Outcome::Info => text.push('?'),
    }
    text
}

/// `n2` before `n10`: by the text before the number, then by the number.
pub(super) fn natural_order(name: &str) -> (&str, u64, &str) {
    let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (stem, number) = name.split_at(name.len() - digits);
    (stem, number.parse().unwrap_or(u64::MAX), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(index: u64, process: u64, kind: EventKind, value: impl Into<Value>) -> Event {
        Event {
            index,
            time: Some(index * 10),
            process: ProcessId(process),
            kind,
            f: "write".to_owned(),
            key: None,
            value: value.into(),
            node: None,
            error: None,
        }
    }

    #[test]
    fn pairing_takes_what_a_checker_would_refuse() {
        let events = [
            event(0, 1, EventKind::Ok, 9),
            event(1, 1, EventKind::Invoke, 1),
            event(2, 2, EventKind::Invoke, 2),
            event(3, 1, EventKind::Ok, 1),
            event(4, 2, EventKind::Invoke, 3),
            event(5, 2, EventKind::Info, 3),
        ];
        let paired = pair(&events);
        assert_eq!(paired.strays, 1);
        let kinds: Vec<_> =
            paired.operations.iter().map(|op| (op.id.0, Kind::of(op), op.ret)).collect();
        assert_eq!(kinds, [(0, Kind::Ok, Some(3)), (1, Kind::Info, None), (2, Kind::Info, None)]);
        assert_eq!(paired.operations[2].ret_time, Some(50));
    }

    #[test]
    fn labels_say_what_was_asked_and_answered() {
        let events = [event(0, 1, EventKind::Invoke, 5), event(1, 1, EventKind::Ok, 5)];
        let mut operation = pair(&events).operations.remove(0);
        assert_eq!(label(&operation, 10), "write 5 → ok");
        operation.outcome = Outcome::Info;
        assert_eq!(label(&operation, 10), "write 5 → ?");
        operation.f = "read".to_owned();
        operation.input = Value::Nil;
        operation.outcome = Outcome::Ok(Value::Nil);
        assert_eq!(label(&operation, 10), "read → nil");
        operation.outcome = Outcome::Ok(Value::from("a long text"));
        assert_eq!(label(&operation, 8), "read → \"a …ext\"");
    }

    #[test]
    fn nodes_are_ordered_by_number() {
        let mut names = ["n10", "n2", "etcd", "n1"];
        names.sort_by_key(|name| natural_order(name));
        assert_eq!(names, ["etcd", "n1", "n2", "n10"]);
    }
}
