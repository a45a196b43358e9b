//! A key with revisions while an order is replayed: of what was not told, the least that it can be.

use crate::Value;
use crate::history::Op;

/// What is there.
#[derive(Default)]
pub(super) struct Versioned {
    value: Value,
    /// The revision that wrote it; 0 where absent.
    modified: i64,
    /// Only the least that it can be is known.
    is_open: bool,
    store: i64,
}

impl Versioned {
    pub(super) fn step(&mut self, op: Op<'_>, unknown: bool) -> bool {
        let (input, answer) = (op.input(), op.answer().unwrap_or_default());
        let said = answer.as_list().filter(|_| *answer != *input).unwrap_or(&[]);
        let number = |at: usize| said.get(at).and_then(Value::as_int);
        let pair = input.as_list().unwrap_or(&[]);
        match (op.f(), pair) {
            ("get", _) if unknown => true,
            ("get", _) if said.is_empty() => self.value.is_nil(),
            ("get", _) => self.found(said),
            ("delete", _) if number(1) == Some(0) => self.found(said),
            ("delete", _) if self.value.is_nil() => number(1).is_none(),
            ("delete", _) => self.change(Value::Nil, number(1)),
            ("cas", [from, to]) => self.value == *from && self.change(to.clone(), number(1)),
            ("cas-revision", [Value::Int(0), to]) => {
                self.value.is_nil() && self.change(to.clone(), number(1))
            }
            ("cas-revision", [Value::Int(from), to]) => {
                !self.value.is_nil() && self.told(*from) && self.change(to.clone(), number(1))
            }
            _ => self.change(input.clone().into_owned(), number(1)),
        }
    }

    fn told(&mut self, modified: i64) -> bool {
        let fits = if self.is_open { modified >= self.modified } else { modified == self.modified };
        (self.modified, self.is_open) = (modified, false);
        self.store = self.store.max(modified);
        fits
    }

    fn found(&mut self, said: &[Value]) -> bool {
        let [value, Value::Int(modified), rest @ ..] = said else { return false };
        let fits = self.value == *value && self.told(*modified);
        let stood = rest.first().and_then(Value::as_int).unwrap_or(self.store);
        let grows = stood >= self.store;
        self.store = stood;
        fits && grows
    }

    fn change(&mut self, value: Value, revision: Option<i64>) -> bool {
        let least = self.store.saturating_add(1);
        self.store = revision.unwrap_or(least);
        let gone = value.is_nil();
        self.modified = if gone { 0 } else { self.store };
        self.is_open = !gone && revision.is_none();
        self.value = value;
        self.store >= least
    }
}
