//! What a history means beyond its events: the conventions of its format that made a difference.

use rashomon_checker::Value;
use rashomon_checker::history::{EventKind, EventRef};

use crate::codec::InputFormat;

/// What was seen that conventions are about.
#[derive(Debug, Default)]
pub(super) struct Meaning {
    /// An answer of nil, or with a nil in it.
    nil_answers: bool,
    /// A compare-and-set that failed without saying why.
    failed_cas: bool,
    /// An operation on a register.
    registers: bool,
}

impl Meaning {
    /// Looks at an event.
    pub(super) fn see(&mut self, event: &EventRef<'_>) {
        let echoes = matches!(event.f, "write" | "cas" | "put" | "append" | "add");
        self.nil_answers |= event.kind == EventKind::Ok && !echoes && has_nil(&event.value);
        self.failed_cas |=
            event.kind == EventKind::Fail && event.f == "cas" && event.error.is_none();
        self.registers |= matches!(event.f, "read" | "write" | "cas" | "txn");
    }

    /// Flags of `check` that keep the meaning which the events had in one format when they are read in another.
    pub(super) fn flags(&self, from: InputFormat, to: InputFormat) -> Vec<String> {
        let mut flags = Vec::new();
        if let Some(model) = from.model().filter(|model| to.model() != Some(*model)) {
            flags.push(format!("--model {}", model.name()));
        }
        if self.registers && from.initial() != to.initial() {
            let initial = serde_json::to_string(&from.initial()).unwrap_or_default();
            flags.push(format!("--initial {initial}"));
        }
        if self.nil_answers && from.nil_reads_unknown() != to.nil_reads_unknown() {
            let says = if from.nil_reads_unknown() { "unknown" } else { "absent" };
            flags.push(format!("--nil-reads {says}"));
        }
        if self.failed_cas && from.failed_cas_observed() && !to.failed_cas_observed() {
            flags.push("--strict-fail".to_owned());
        }
        flags
    }
}

fn has_nil(value: &Value) -> bool {
    match value {
        Value::Nil => true,
        Value::List(items) => items.iter().any(has_nil),
        Value::Bool(_) | Value::Int(_) | Value::Text(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use rashomon_checker::history::ProcessId;

    use super::*;

    fn event(kind: EventKind, f: &str, value: Value) -> EventRef<'_> {
        let process = ProcessId(0);
        EventRef { time: None, process, kind, f, key: None, value, node: None, error: None }
    }

    #[test]
    fn only_conventions_that_make_a_difference_are_told() {
        use InputFormat::{Edn, JepsenLog, Jsonl, PorcupineKv};
        let mut meaning = Meaning::default();
        meaning.see(&event(EventKind::Ok, "add", Value::Nil));
        assert!(meaning.flags(Edn, Jsonl).is_empty());
        meaning.see(&event(EventKind::Ok, "read", Value::Int(1)));
        assert_eq!(meaning.flags(Edn, Jsonl), ["--initial 0"]);
        meaning.see(&event(EventKind::Ok, "read", Value::Nil));
        assert_eq!(meaning.flags(Edn, Jsonl), ["--initial 0", "--nil-reads unknown"]);
        assert_eq!(meaning.flags(Jsonl, Edn), ["--initial null", "--nil-reads absent"]);
        assert_eq!(meaning.flags(PorcupineKv, PorcupineKv), [""; 0]);
        meaning.see(&event(EventKind::Fail, "cas", Value::Nil));
        assert_eq!(meaning.flags(JepsenLog, Jsonl), ["--model cas-register", "--strict-fail"]);
    }
}
