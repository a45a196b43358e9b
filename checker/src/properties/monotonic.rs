//! Monotonic: a value that only grows.
//!
//! `read` answers the value, `inc` adds to it and answers what it is then (or nil, if the store does not say). Both may
//! answer several values at once, by name (`[[k n] ...]`). Nil, for a read, is less than every number.
//!
//! With [`MonotonicScope::Object`] the value grows for everybody: who begins after another completed gets at least as
//! much, and an `inc` more. That is the order of real time, found in one sweep over the completions, with the greatest
//! answer so far for each value; and no two `inc`s answer the same, whether or not they overlap. With
//! [`MonotonicScope::Process`] only the operations of the same process are compared.
//!
//! An `inc` of unknown outcome may or may not have raised the value, and says nothing. How much an `inc` adds is not asked.
//! Unknown if nothing was answered. Counts: `answers`, `decreased`, `repeated`.

use std::collections::BTreeMap;

use crate::Value;
use crate::history::{History, ProcessId};
use crate::stop::Stopped;

use super::read::{self, Op};
use super::report::{self, About, Halt, Notebook, PropertyReport, Rule, who};
use super::{MonotonicScope, PropertyError, PropertyKind, PropertyOptions};

const PROPERTY: PropertyKind = PropertyKind::Monotonic;

/// Checks that no answer is less than one before it.
pub fn check(
    history: &History,
    options: &PropertyOptions<'_>,
) -> Result<PropertyReport, PropertyError> {
    report::on(PROPERTY, history, options, |notes| judge(history, options, notes))
}

fn judge(
    history: &History,
    options: &PropertyOptions<'_>,
    notes: &mut Notebook<'_>,
) -> Result<(), Halt> {
    for count in ["answers", "decreased", "repeated"] {
        notes.count(count, 0);
    }
    let mut ops = Vec::with_capacity(history.len());
    for op in read::operations(history) {
        notes.pace.step(op.size())?;
        ops.push(op);
    }
    let mut values: BTreeMap<(Option<&str>, Option<String>), Vec<Answer<'_>>> = BTreeMap::new();
    for op in &ops {
        notes.pace.step(op.size())?;
        for (name, number) in answers_of(op)? {
            notes.count("answers", 1);
            values.entry((op.object, name)).or_default().push(Answer { op, number });
        }
    }
    if values.is_empty() {
        notes.doubt(|| "no value was answered".to_owned());
    }
    notes.expect(values.len());
    for ((object, name), answers) in &values {
        notes.pace.step(answers.len())?;
        let full = name_of(*object, name.as_deref());
        let mut compared: BTreeMap<Option<ProcessId>, Vec<Answer<'_>>> = BTreeMap::new();
        for answer in answers {
            let process = match options.monotonic {
                MonotonicScope::Object => None,
                MonotonicScope::Process => Some(answer.op.process),
            };
            compared.entry(process).or_default().push(*answer);
        }
        for answers in compared.values() {
            blame_repeated(full.as_deref(), answers, notes)?;
            blame_decreased(full.as_deref(), answers, notes)?;
        }
        notes.judged();
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Answer<'a> {
    op: &'a Op<'a>,
    /// Nil is less than any number.
    number: Option<i64>,
}

impl Answer<'_> {
    fn value(&self) -> Value {
        self.number.map_or(Value::Nil, Value::Int)
    }
}

/// Numbers by name; nil is less than any number.
type Numbers = Vec<(Option<String>, Option<i64>)>;

/// The numbers that an operation answered.
fn answers_of(op: &Op<'_>) -> Result<Numbers, PropertyError> {
    let increments = match op.f {
        "read" => false,
        "inc" => true,
        _ => return Err(op.unknown_function(PROPERTY)),
    };
    let expected = "a whole number, or [[name number] ...]";
    match op.answer() {
        None => Ok(Vec::new()),
        Some(Value::Nil) if increments => Ok(Vec::new()),
        Some(Value::Nil) => Ok(vec![(None, None)]),
        Some(Value::Int(number)) => Ok(vec![(None, Some(*number))]),
        Some(answer) => {
            let entries = read::entries(answer);
            let entries = entries.ok_or_else(|| op.bad_answer(PROPERTY, expected))?;
            let entry = |(name, number): (&Value, &Value)| {
                let number = match number {
                    Value::Nil if !increments => None,
                    Value::Int(number) => Some(*number),
                    _ => return None,
                };
                Some((Some(read::name_of(name)?), number))
            };
            let entries: Option<Vec<_>> = entries.into_iter().map(entry).collect();
            entries.ok_or_else(|| op.bad_answer(PROPERTY, expected))
        }
    }
}

fn name_of(object: Option<&str>, name: Option<&str>) -> Option<String> {
    match (object, name) {
        (Some(object), Some(name)) => Some(format!("{object}.{name}")),
        (object, name) => object.or(name).map(str::to_owned),
    }
}

/// Blames what is less than an answer that was complete before. `answers` are in the order of their invocations.
fn blame_decreased(
    name: Option<&str>,
    answers: &[Answer<'_>],
    notes: &mut Notebook<'_>,
) -> Result<(), Stopped> {
    let mut completions: Vec<&Answer<'_>> = answers.iter().collect();
    completions.sort_by_key(|answer| answer.op.ret);
    let mut completions = completions.into_iter().peekable();
    let mut greatest: Option<&Answer<'_>> = None;
    for answer in answers {
        notes.pace.step(1)?;
        while let Some(done) = completions.next_if(|done| done.op.ret < answer.op.call) {
            if greatest.is_none_or(|greatest| greatest.number < done.number) {
                greatest = Some(done);
            }
        }
        let Some(before) = greatest else { continue };
        let increments = answer.op.f == "inc";
        // An increment that answers the same as another is blamed as repeated.
        let too_little = answer.number < before.number
            || increments && before.op.f != "inc" && answer.number == before.number;
        if too_little {
            notes.count("decreased", 1);
            let operations = vec![before.op.id, answer.op.id];
            let values = vec![before.value(), answer.value()];
            let about = About { object: name, values, operations };
            notes.blame(Rule::Decreased, answer.op.ret, about, || {
                format!("{}, but before that {}", told(answer, name), told(before, name))
            });
        }
    }
    Ok(())
}

/// What an operation answered: `p3 read x = 5`, `p3 raised x to 5`, without a name `p3 read 5`.
fn told(answer: &Answer<'_>, name: Option<&str>) -> String {
    let (p, value) = (who(answer.op), answer.value());
    match (answer.op.f, name) {
        ("inc", Some(name)) => format!("{p} raised {name} to {value}"),
        ("inc", None) => format!("{p} raised it to {value}"),
        (_, Some(name)) => format!("{p} read {name} = {value}"),
        (_, None) => format!("{p} read {value}"),
    }
}

/// Blames increments that answered the same.
fn blame_repeated(
    name: Option<&str>,
    answers: &[Answer<'_>],
    notes: &mut Notebook<'_>,
) -> Result<(), Stopped> {
    let mut raised: Vec<&Answer<'_>> =
        answers.iter().filter(|answer| answer.op.f == "inc").collect();
    raised.sort_by_key(|answer| (answer.number, answer.op.ret));
    for pair in raised.windows(2) {
        notes.pace.step(1)?;
        let [before, answer] = pair else { continue };
        if before.number == answer.number {
            notes.count("repeated", 1);
            let operations = vec![before.op.id, answer.op.id];
            let about = About { object: name, values: vec![answer.value()], operations };
            notes.blame(Rule::Repeated, answer.op.ret, about, || {
                format!("{}, and so had {}", told(answer, name), who(before.op))
            });
        }
    }
    Ok(())
}
