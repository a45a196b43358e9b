//! The texts of a key for their decider: operations straight from the records of a history.

use std::borrow::Cow;

use crate::Value;
use crate::check::Job;
use crate::decide::text_store::{self, TextOp, with_what_they_saw};
use crate::decide::{Decision, NEVER, Refutation, Rule, Timed};
use crate::history::packed::{Packed, Values};
use crate::history::{Ending, Record};
use crate::model::Misfit;

use super::growing::Flaw;
use super::parts::Part;

/// Updates that a refuted get may have missed, of which the newest are put beside it.
const MISSED_MAX: usize = 16;

/// Decides the history of one key, if its texts can be read back.
pub(super) fn decide(job: &Job<'_>, part: Part<'_>) -> Result<Decision, Flaw> {
    let (ops, indices) = operations(job, part)?;
    let index = |at: &mut u32| *at = indices[*at as usize];
    Ok(match text_store::decide(&ops) {
        Decision::Linearizable(mut order) => {
            order.iter_mut().for_each(index);
            Decision::Linearizable(order)
        }
        Decision::NotLinearizable(refutation) => {
            let mut refutation = complete(&ops, refutation);
            refutation.ops.iter_mut().for_each(index);
            Decision::NotLinearizable(refutation)
        }
        Decision::Inapplicable(why) => Decision::Inapplicable(why),
    })
}

/// Those that say something, and the index of each among those of the part.
fn operations<'a>(
    job: &Job<'a>,
    part: Part<'a>,
) -> Result<(Vec<Timed<TextOp<'a>>>, Vec<u32>), Flaw> {
    let history = job.history;
    let names: Vec<&str> = history.functions.iter().collect();
    let mut ops = Vec::with_capacity(part.len());
    let mut indices = Vec::with_capacity(part.len());
    for (index, record) in (0..).zip(part.records()) {
        let f = names[usize::from(record.f)];
        let op = operation(f, record, &history.values, history.nil_reads_unknown);
        if let Some(op) = op.map_err(|misfit| (misfit, index))? {
            let ret = if record.ending == Ending::Ok { record.ret } else { NEVER };
            ops.push(Timed { call: record.call, ret, op });
            indices.push(index);
        }
    }
    Ok((ops, indices))
}

/// What an operation says, if it says anything.
fn operation<'a>(
    f: &str,
    record: &Record,
    values: &'a Values,
    nil_reads_unknown: bool,
) -> Result<Option<TextOp<'a>>, Misfit> {
    let update = |op: fn(&'a str) -> TextOp<'a>| {
        let text = text(record.input, values).ok_or(Misfit::Argument { expected: "text" })?;
        Ok((record.ending != Ending::Fail).then_some(op(text)))
    };
    match f {
        "get" if record.ending != Ending::Ok => Ok(None),
        "get" if record.output == Packed::NIL => {
            Ok((!nil_reads_unknown).then_some(TextOp::Get("")))
        }
        "get" => {
            let misfit = || {
                let value = values.get(record.output).into_owned();
                Misfit::Answer { expected: "text", value }
            };
            text(record.output, values).ok_or_else(misfit).map(|text| Some(TextOp::Get(text)))
        }
        "put" => update(TextOp::Put),
        "append" => update(TextOp::Append),
        "delete" => Ok((record.ending != Ending::Fail).then_some(TextOp::Put(""))),
        _ => Err(Misfit::Function),
    }
}

fn text(word: Packed, values: &Values) -> Option<&str> {
    match values.get(word) {
        Cow::Borrowed(Value::Text(text)) => Some(text),
        _ => None,
    }
}

/// Adds the updates that the gets of a refutation saw and, of those that had completed before the refuted get began and
/// that it did not see, the newest: the plainest contradiction may be with one of them.
fn complete(ops: &[Timed<TextOp<'_>>], refutation: Refutation) -> Refutation {
    let Refutation { completion, ops: blamed, rule } = refutation;
    let at_fault = blamed.iter().copied().find(|at| ops[*at as usize].ret == completion);
    let mut all = with_what_they_saw(ops, &blamed);
    if let Some(get) = at_fault
        && matches!(ops[get as usize].op, TextOp::Get(_))
        && !matches!(rule, Rule::FromNowhere | Rule::Twice)
    {
        let seen = with_what_they_saw(ops, &[get]);
        let begun = ops[get as usize].call;
        let missed = |(at, op): &(u32, &Timed<TextOp<'_>>)| {
            let update = !matches!(op.op, TextOp::Get(_));
            update && op.ret < begun && seen.binary_search(at).is_err()
        };
        let mut missed: Vec<(u32, u32)> =
            (0..).zip(ops).filter(missed).map(|(at, op)| (op.ret, at)).collect();
        missed.sort_unstable();
        all.extend(missed.iter().rev().take(MISSED_MAX).map(|(_, at)| *at));
        all.sort_unstable();
        all.dedup();
    }
    Refutation { completion, ops: all, rule }
}
