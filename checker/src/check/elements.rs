//! Sets that are asked element by element, for their decider.

use crate::Value;
use crate::check::Job;
use crate::decide::Decision;
use crate::decide::element_set::{self, Function, Op};
use crate::history::Ending;
use crate::model::Misfit;
use crate::model::element_set::TRUTH;

use super::gather::{Flaw, Gathered, ValueNumbers};
use super::parts::Part;

/// Decides the history of one set, if every update tells whether it changed something.
pub(super) fn decide(job: &Job<'_>, part: Part<'_>) -> Result<Decision, Flaw> {
    let values = &job.history.values;
    let mut numbers = ValueNumbers::new(job);
    let gathered = Gathered::new(job, part, function, |function, record| {
        let answer = match (record.ending, function) {
            (Ending::Fail, _) | (Ending::Info, Function::Contains) => return Ok(None),
            (Ending::Info, Function::Add | Function::Remove) => None,
            (Ending::Ok, _) => match values.get(record.output).as_ref() {
                Value::Bool(answer) => Some(*answer),
                value => {
                    let updates = function != Function::Contains;
                    let silent = value.is_nil() || *value == *values.get(record.input);
                    if !(updates && silent) {
                        let value = value.clone();
                        return Err(Misfit::Answer { expected: TRUTH, value });
                    }
                    None
                }
            },
        };
        Ok(Some(Op { element: numbers.of(record.input), function, answer }))
    })?;
    Ok(gathered.decide(element_set::decide))
}

fn function(name: &str) -> Option<Function> {
    match name {
        "add" => Some(Function::Add),
        "remove" => Some(Function::Remove),
        "contains" => Some(Function::Contains),
        _ => None,
    }
}
