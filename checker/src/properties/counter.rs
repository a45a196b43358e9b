//! A counter is read within its bounds: what was surely added, and what possibly was.
//!
//! `add n` adds `n`, which may be below zero; `inc n` and `dec n` do what they say, by one without `n`; `read` answers the
//! sum. What `add`, `inc` and `dec` answer is not looked at. A read of nil is a read of the value at the start, which is
//! zero unless told otherwise.
//!
//! This is weaker than linearizability (two reads may contradict each other), and holds for eventually consistent
//! counters never: reads must be of now.
//!
//! Counts: `reads`, `changes` (not failed), `out-of-bounds`. Quantiles: `slack`, how far apart the bounds of reads are,
//! that is, how little the check could tell.

use crate::Value;
use crate::history::History;
use crate::stop::Stopped;

use super::bounds::{self, Change, Span};
use super::read::{self, Op};
use super::report::{self, About, Notebook, PropertyReport, Rule, object, who};
use super::{PropertyError, PropertyKind, PropertyOptions};

const PROPERTY: PropertyKind = PropertyKind::Counter;

/// Checks that each completed read lies within its bounds.
pub fn check(
    history: &History,
    options: &PropertyOptions<'_>,
) -> Result<PropertyReport, PropertyError> {
    let expected = "a whole number as the initial value";
    let initial = match &options.initial {
        None | Some(Value::Nil) => 0,
        Some(value) => {
            value.as_int().ok_or(PropertyError::BadOption { property: PROPERTY, expected })?
        }
    };
    report::on(PROPERTY, history, options, |notes| {
        for count in ["reads", "changes", "out-of-bounds"] {
            notes.count(count, 0);
        }
        let mut slack = Vec::new();
        for (name, ops) in read::by_object(history, notes)? {
            let mut counter = Counter { initial, ..Counter::default() };
            for op in &ops {
                notes.pace.step(1)?;
                counter.take(op)?;
            }
            counter.judge(name, &mut slack, notes)?;
            notes.judged();
        }
        if slack.is_empty() {
            notes.doubt(|| "the counter was never read".to_owned());
        }
        notes.measure("slack", slack);
        Ok(())
    })
}

#[derive(Default)]
struct Counter<'a> {
    initial: i64,
    changes: Vec<Change>,
    reads: Vec<(&'a Op<'a>, i64)>,
}

impl<'a> Counter<'a> {
    fn take(&mut self, op: &'a Op<'a>) -> Result<(), PropertyError> {
        let by = match op.f {
            "read" => {
                if let Some(answer) = op.answer() {
                    let sum = if answer.is_nil() { Some(self.initial) } else { answer.as_int() };
                    let sum = sum.ok_or_else(|| op.bad_answer(PROPERTY, "a whole number"))?;
                    self.reads.push((op, sum));
                }
                return Ok(());
            }
            "inc" if op.input.is_nil() => Some(1),
            "add" | "inc" => op.input.as_int(),
            "dec" if op.input.is_nil() => Some(-1),
            "dec" => op.input.as_int().and_then(i64::checked_neg),
            _ => return Err(op.unknown_function(PROPERTY)),
        };
        let by = by.ok_or_else(|| op.bad_input(PROPERTY, "a whole number"))?;
        if !op.failed() {
            self.changes.push(Change { call: op.call, ret: op.ret, by });
        }
        Ok(())
    }

    fn judge(
        &self,
        name: Option<&str>,
        slack: &mut Vec<u64>,
        notes: &mut Notebook<'_>,
    ) -> Result<(), Stopped> {
        notes.count("reads", self.reads.len() as u64);
        notes.count("changes", self.changes.len() as u64);
        let spans: Vec<Span> =
            self.reads.iter().map(|(op, _)| Span { call: op.call, ret: op.ret }).collect();
        let bounds = bounds::of(self.initial, &self.changes, &spans, notes.pace)?;
        for ((op, sum), (low, high)) in self.reads.iter().zip(bounds) {
            notes.pace.step(1)?;
            slack.push(u64::try_from(high - low).unwrap_or(u64::MAX));
            if (low..=high).contains(&i128::from(*sum)) {
                continue;
            }
            notes.count("out-of-bounds", 1);
            let about =
                About { object: name, values: vec![Value::Int(*sum)], operations: vec![op.id] };
            notes.blame(Rule::OutOfBounds, op.ret, about, || {
                let read = format!("{} read {sum}{}", who(op), object("from", name));
                if i128::from(*sum) < low {
                    format!("{read}, but it was at least {low} all the while")
                } else {
                    format!("{read}, but it was at most {high} all the while")
                }
            });
        }
        Ok(())
    }
}
