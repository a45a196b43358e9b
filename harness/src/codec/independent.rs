//! Jepsen's `independent` histories: many objects in one history, with `[key value]` where a value would stand.
//!
//! Nothing in such a file says that it is one, and taken for a history of pairs it is almost always impossible. So it is
//! split only where somebody says so, and what looks like one is not judged otherwise.

use rashomon_checker::Value;
use rashomon_checker::history::{Event, EventKind};

use crate::codec::LoadedHistory;
use crate::codec::error::Flaw;

/// Functions whose values a split could be about.
const FUNCTIONS: [&str; 5] = ["read", "write", "cas", "add", "append"];

/// Whether a history looks, as far as it was seen, as if its values were keys with values: each is a pair, and some pair
/// cannot well be anything else.
#[derive(Debug, Clone, Copy, Default)]
pub struct PairsSoFar {
    ruled_out: bool,
    told: bool,
}

impl PairsSoFar {
    /// One more event.
    pub fn see(&mut self, kind: EventKind, f: &str, key: Option<&str>, value: &Value) {
        if self.ruled_out {
            return;
        }
        let says_value = matches!(kind, EventKind::Invoke | EventKind::Ok);
        if key.is_some() || !FUNCTIONS.contains(&f) {
            self.ruled_out = true;
        } else if says_value && !value.is_nil() {
            match value.as_list() {
                Some([key, value]) => self.told = self.told || tells(kind, f, key, value),
                _ => self.ruled_out = true,
            }
        }
    }

    /// Whether it looks so.
    pub fn look_independent(self) -> bool {
        self.told && !self.ruled_out
    }
}

/// [`PairsSoFar`] of a whole history.
pub(super) fn looks_independent(events: &[Event]) -> bool {
    let mut pairs = PairsSoFar::default();
    for event in events {
        pairs.see(event.kind, &event.f, event.key.as_deref(), &event.value);
    }
    pairs.look_independent()
}

/// A read is invoked with a value that is not known yet; a compare-and-set takes a pair, not a value and a pair.
fn tells(kind: EventKind, f: &str, key: &Value, value: &Value) -> bool {
    let plain = !key.is_nil() && key.as_list().is_none();
    match (kind, f) {
        (EventKind::Invoke, "read") => plain && value.is_nil(),
        (EventKind::Invoke, "cas") => plain && value.as_list().is_some_and(|pair| pair.len() == 2),
        _ => false,
    }
}

/// Takes every value apart into the event's key and value.
pub(super) fn split(loaded: &mut LoadedHistory) -> Result<(), Flaw> {
    let lines = &loaded.lines;
    for (event, line) in loaded.events.iter_mut().zip(lines) {
        let value = std::mem::take(&mut event.value);
        let parts = take_apart(event.kind, event.key.as_deref(), value);
        (event.key, event.value) = parts.map_err(|reason| Flaw::at(*line, reason))?;
    }
    Ok(())
}

/// The key and the value that the value of an event stands for, or why it does not.
pub fn take_apart(
    kind: EventKind,
    key: Option<&str>,
    value: Value,
) -> Result<(Option<String>, Value), String> {
    if let Some(key) = key {
        return Err(format!("the event has the key {key:?} already: leave --independent out"));
    }
    let unknown = matches!(kind, EventKind::Info | EventKind::Fail);
    match value {
        Value::List(mut pair) if pair.len() == 2 => {
            let value = pair.pop().unwrap_or_default();
            Ok((pair.pop().as_ref().map(name_of), value))
        }
        // A completion without a value is of the object that was invoked.
        Value::Nil if kind != EventKind::Invoke => Ok((None, Value::Nil)),
        _ if unknown => Ok((None, Value::Nil)),
        other => Err(format!("value {other}: --independent needs [key value]")),
    }
}

/// The key as text, such that different keys stay different.
fn name_of(key: &Value) -> String {
    match key {
        Value::Text(text) if is_word(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether text cannot be mistaken for another kind of value.
fn is_word(text: &str) -> bool {
    let reserved = matches!(text, "nil" | "true" | "false");
    !reserved && text.starts_with(|first: char| first.is_alphabetic() || first == '/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_keys_have_different_names() {
        let keys = [
            Value::Int(1),
            Value::from("1"),
            Value::from("k1"),
            Value::Nil,
            Value::from("nil"),
            Value::from("\"1\""),
            Value::from("[1]"),
            Value::List(vec![Value::Int(1)]),
        ];
        let names: std::collections::BTreeSet<String> = keys.iter().map(name_of).collect();
        assert_eq!(names.len(), keys.len(), "{names:?}");
        assert_eq!(name_of(&Value::Int(1)), "1");
        assert_eq!(name_of(&Value::from("k1")), "k1");
    }
}
