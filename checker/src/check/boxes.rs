//! Queues, stacks and priority queues for their deciders.

use crate::Value;
use crate::check::Job;
use crate::decide::boxes::QueueOp;
use crate::decide::{Decision, fifo_queue, priority_queue, stack};
use crate::history::packed::Packed;
use crate::history::{Ending, Record};
use crate::model::Misfit;
use crate::model::container::Order;
use crate::model::fifo_queue::OldestFirst;
use crate::model::priority_queue::LeastFirst;
use crate::model::stack::NewestFirst;

use super::gather::{Flaw, Gathered, ValueNumbers};
use super::parts::Part;

/// Decides the history of one queue, if each element is put in once.
pub(super) fn decide_queue(job: &Job<'_>, part: Part<'_>) -> Result<Decision, Flaw> {
    let (gathered, _) = gather::<OldestFirst>(job, part)?;
    Ok(gathered.decide(fifo_queue::decide))
}

/// Decides the history of one stack, if each element is put in once.
pub(super) fn decide_stack(job: &Job<'_>, part: Part<'_>) -> Result<Decision, Flaw> {
    let (gathered, _) = gather::<NewestFirst>(job, part)?;
    Ok(gathered.decide(stack::decide))
}

/// Decides the history of one priority queue, if each element is put in once. Elements are their own priorities.
pub(super) fn decide_priority(job: &Job<'_>, part: Part<'_>) -> Result<Decision, Flaw> {
    let (gathered, elements) = gather::<LeastFirst>(job, part)?;
    let values = &job.history.values;
    let priority = |word: &Packed| values.get(*word).as_int().unwrap_or(0);
    let priorities: Vec<i64> = elements.iter().map(priority).collect();
    Ok(gathered.decide(|ops| priority_queue::decide(ops, &priorities)))
}

#[derive(Debug, Clone, Copy)]
enum Function {
    Put,
    Take,
}

/// The operations, and what is put in and taken out, by number.
fn gather<R: Order>(
    job: &Job<'_>,
    part: Part<'_>,
) -> Result<(Gathered<QueueOp>, Vec<Packed>), Flaw> {
    let function = |name: &str| match name {
        _ if name == R::PUT => Some(Function::Put),
        _ if name == R::TAKE => Some(Function::Take),
        _ => None,
    };
    let values = &job.history.values;
    let mut numbers = ValueNumbers::new(job);
    let mut elements = Vec::new();
    let mut element = |word: Packed| {
        let number = numbers.of(word);
        if number as usize == elements.len() {
            elements.push(word);
        }
        number
    };
    let say = |function, record: &Record| {
        let op = match (function, record.ending) {
            (_, Ending::Fail) => return Ok(None),
            (Function::Put, _) => {
                let misfit = |expected| Misfit::Argument { expected };
                R::check(&values.get(record.input)).map_err(misfit)?;
                QueueOp::Put(element(record.input))
            }
            (Function::Take, Ending::Ok) if record.output != Packed::NIL => {
                let value: Value = values.get(record.output).into_owned();
                R::check(&value).map_err(|expected| Misfit::Answer { expected, value })?;
                QueueOp::Take(Some(element(record.output)))
            }
            (Function::Take, _) => QueueOp::Take(None),
        };
        Ok(Some(op))
    };
    let gathered = Gathered::new(job, part, function, say)?;
    Ok((gathered, elements))
}
