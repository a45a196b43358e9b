//! Counters for their decider.

use crate::Value;
use crate::check::Job;
use crate::decide::Decision;
use crate::decide::counter::{self, Op};
use crate::history::packed::Values;
use crate::history::{Ending, Record};
use crate::model::Misfit;
use crate::model::counter::{NO_ARGUMENT, NUMBER};

use super::gather::{Flaw, Gathered};
use super::parts::Part;

/// Decides the history of one counter, if all additions are of the same number.
pub(super) fn decide(job: &Job<'_>, part: Part<'_>) -> Result<Decision, Flaw> {
    let initial = job.options.initial.as_ref().and_then(Value::as_int).unwrap_or(0);
    let values = &job.history.values;
    let unknown = job.history.nil_reads_unknown;
    let gathered = Gathered::new(job, part, function, |function, record| match function {
        Function::Read => read(record, values, unknown),
        Function::Add | Function::AddAndGet => {
            let delta = values.get(record.input).as_int();
            let delta = delta.ok_or(Misfit::Argument { expected: NUMBER })?;
            add(record, values, delta, matches!(function, Function::AddAndGet))
        }
        Function::Increment => match values.get(record.input).as_ref() {
            Value::Nil | Value::Int(1) => add(record, values, 1, false),
            _ => Err(Misfit::Argument { expected: NO_ARGUMENT }),
        },
    })?;
    Ok(gathered.decide(|ops| counter::decide(ops, initial)))
}

#[derive(Debug, Clone, Copy)]
enum Function {
    Read,
    Add,
    AddAndGet,
    Increment,
}

fn function(name: &str) -> Option<Function> {
    match name {
        "read" => Some(Function::Read),
        "add" => Some(Function::Add),
        "add-and-get" => Some(Function::AddAndGet),
        "increment" => Some(Function::Increment),
        _ => None,
    }
}

fn read(record: &Record, values: &Values, unknown: bool) -> Result<Option<Op>, Misfit> {
    if record.ending != Ending::Ok {
        return Ok(None);
    }
    match values.get(record.output).as_ref() {
        Value::Int(value) => Ok(Some(Op::Read(*value))),
        Value::Nil if unknown => Ok(None),
        other => Err(Misfit::Answer { expected: NUMBER, value: other.clone() }),
    }
}

fn add(record: &Record, values: &Values, delta: i64, answers: bool) -> Result<Option<Op>, Misfit> {
    if record.ending == Ending::Fail {
        return Ok(None);
    }
    let mut answer = None;
    if answers && record.ending == Ending::Ok {
        let told = values.get(record.output);
        answer = told.as_int();
        if answer.is_none() {
            return Err(Misfit::Answer { expected: NUMBER, value: told.into_owned() });
        }
    }
    Ok(match (delta, answer) {
        // It changes nothing, and says nothing while it is open.
        (0, Some(value)) => Some(Op::Read(value)),
        (0, None) if record.ending != Ending::Ok => None,
        _ => Some(Op::Add { delta, answer }),
    })
}
