//! Locks for their deciders.

use crate::check::Job;
use crate::decide::owned_mutex::Function;
use crate::decide::{Decision, fenced_mutex, mutex, owned_mutex};
use crate::history::Ending;
use crate::model::Misfit;
use crate::model::fenced_mutex::TOKEN;

use super::gather::{Flaw, Gathered, Numbers};
use super::parts::Part;

/// Decides the history of one lock without an owner.
pub(super) fn decide_mutex(job: &Job<'_>, part: Part<'_>) -> Result<Decision, Flaw> {
    let gathered = Gathered::new(job, part, function, |function, record| {
        let op = match function {
            Function::Acquire => mutex::Op::Acquire,
            Function::Release => mutex::Op::Release,
        };
        Ok((record.ending != Ending::Fail).then_some(op))
    })?;
    Ok(gathered.decide(mutex::decide))
}

/// Decides the history of one lock with an owner.
pub(super) fn decide_owned(job: &Job<'_>, part: Part<'_>) -> Result<Decision, Flaw> {
    let mut processes = Numbers::new();
    let gathered = Gathered::new(job, part, function, |function, record| {
        if record.ending == Ending::Fail {
            return Ok(None);
        }
        let process = processes.of(record.process.get(&job.history.large_processes));
        Ok(Some(owned_mutex::Op { process, function }))
    })?;
    Ok(gathered.decide(owned_mutex::decide))
}

/// Decides the history of one lock with an owner and tokens.
pub(super) fn decide_fenced(job: &Job<'_>, part: Part<'_>) -> Result<Decision, Flaw> {
    let mut processes = Numbers::new();
    let gathered = Gathered::new(job, part, function, |function, record| {
        if record.ending == Ending::Fail {
            return Ok(None);
        }
        let process = processes.of(record.process.get(&job.history.large_processes));
        let mut token = None;
        if matches!((function, record.ending), (Function::Acquire, Ending::Ok)) {
            let answer = job.history.values.get(record.output);
            token = answer.as_int();
            if token.is_none() {
                let value = answer.into_owned();
                return Err(Misfit::Answer { expected: TOKEN, value });
            }
        }
        Ok(Some(fenced_mutex::Op { process, function, token }))
    })?;
    Ok(gathered.decide(fenced_mutex::decide))
}

fn function(name: &str) -> Option<Function> {
    match name {
        "acquire" => Some(Function::Acquire),
        "release" => Some(Function::Release),
        _ => None,
    }
}
