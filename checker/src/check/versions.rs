//! Keys with revisions for their decider.

use crate::Value;
use crate::check::Job;
use crate::decide::Decision;
use crate::decide::versioned::{self, Op, When};
use crate::history::packed::{Packed, Values};
use crate::history::{Ending, Record};
use crate::model::Misfit;
use crate::model::cas_register::PAIR;
use crate::model::versioned_register::{CHANGED, FOUND, REVISION_PAIR, SOME_VALUE};

use super::gather::{Flaw, Gathered, ValueNumbers};
use super::parts::Part;

/// Decides the history of one key, if every completed change tells its revision.
pub(super) fn decide(job: &Job<'_>, part: Part<'_>) -> Result<Decision, Flaw> {
    let mut view = View {
        values: &job.history.values,
        numbers: ValueNumbers::new(job),
        nil_reads_unknown: job.history.nil_reads_unknown,
    };
    let absent = view.numbers.of(Packed::NIL);
    debug_assert_eq!(absent, versioned::ABSENT, "nil is the first value");
    let say = |function, record: &Record| match function {
        Function::Get => view.get(record),
        Function::Put if record.input == Packed::NIL => {
            Err(Misfit::Argument { expected: SOME_VALUE })
        }
        Function::Put => {
            let to = view.values.get(record.input);
            view.put(record, When::Always, &to)
        }
        Function::Delete => view.delete(record),
        Function::Cas | Function::CasRevision => view.cas(record, function),
    };
    let gathered = Gathered::new(job, part, self::function, say)?;
    Ok(gathered.decide(versioned::decide))
}

#[derive(Debug, Clone, Copy)]
enum Function {
    Get,
    Put,
    Delete,
    Cas,
    CasRevision,
}

fn function(name: &str) -> Option<Function> {
    match name {
        "get" => Some(Function::Get),
        "put" => Some(Function::Put),
        "delete" => Some(Function::Delete),
        "cas" => Some(Function::Cas),
        "cas-revision" => Some(Function::CasRevision),
        _ => None,
    }
}

struct View<'a> {
    values: &'a Values,
    numbers: ValueNumbers<'a>,
    nil_reads_unknown: bool,
}

impl View<'_> {
    fn get(&mut self, record: &Record) -> Result<Option<Op>, Misfit> {
        if record.ending != Ending::Ok {
            return Ok(None);
        }
        let answer = self.values.get(record.output);
        let (value, modified, store) = match answer.as_ref() {
            Value::Nil if self.nil_reads_unknown => return Ok(None),
            Value::Nil => (&Value::Nil, 0, None),
            Value::List(items) => match items.as_slice() {
                [value, Value::Int(modified)] => (value, *modified, None),
                [value, Value::Int(modified), Value::Int(store)] => {
                    (value, *modified, Some(*store))
                }
                _ => return Err(misfit(FOUND, &answer)),
            },
            other => return Err(misfit(FOUND, other)),
        };
        Ok(Some(Op::Get { value: self.numbers.of_value(value), modified, store }))
    }

    fn put(&mut self, record: &Record, when: When, to: &Value) -> Result<Option<Op>, Misfit> {
        let revision = match record.ending {
            Ending::Fail => return Ok(None),
            Ending::Info => None,
            Ending::Ok => {
                let answer = self.values.get(record.output);
                match answer.as_ref() {
                    Value::Nil => None,
                    echo if *echo == *self.values.get(record.input) => None,
                    Value::List(items) => match items.as_slice() {
                        [written, Value::Int(revision)] if written == to => Some(*revision),
                        _ => return Err(misfit(CHANGED, &answer)),
                    },
                    other => return Err(misfit(CHANGED, other)),
                }
            }
        };
        Ok(Some(Op::Put { when, value: self.numbers.of_value(to), revision }))
    }

    fn delete(&mut self, record: &Record) -> Result<Option<Op>, Misfit> {
        let (revision, store) = match record.ending {
            Ending::Fail => return Ok(None),
            Ending::Info => (None, None),
            Ending::Ok => {
                let answer = self.values.get(record.output);
                match answer.as_ref() {
                    Value::Nil => (None, None),
                    echo if *echo == *self.values.get(record.input) => (None, None),
                    Value::List(items) => match items.as_slice() {
                        [Value::Nil, Value::Int(revision)] => (Some(*revision), None),
                        [Value::Nil, Value::Int(0), Value::Int(store)] => (Some(0), Some(*store)),
                        _ => return Err(misfit(CHANGED, &answer)),
                    },
                    other => return Err(misfit(CHANGED, other)),
                }
            }
        };
        Ok(Some(Op::Delete { revision, store }))
    }

    fn cas(&mut self, record: &Record, function: Function) -> Result<Option<Op>, Misfit> {
        let by_revision = matches!(function, Function::CasRevision);
        let expected = if by_revision { REVISION_PAIR } else { PAIR };
        let input = self.values.get(record.input);
        let Some([from, to]) = input.as_list() else { return Err(Misfit::Argument { expected }) };
        let when = if by_revision {
            from.as_int().map(When::Modified)
        } else {
            Some(When::Value(self.numbers.of_value(from)))
        };
        match when.filter(|_| !to.is_nil()) {
            Some(when) => self.put(record, when, to),
            None => Err(Misfit::Argument { expected }),
        }
    }
}

fn misfit(expected: &'static str, value: &Value) -> Misfit {
    Misfit::Answer { expected, value: value.clone() }
}
